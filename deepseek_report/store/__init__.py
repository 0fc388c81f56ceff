"""What is kept on disk: stages by their content, and folders that are put in place whole."""

from deepseek_report.store.folders import MANIFEST, compare, copy_tree, hash_folder, replace_folder
from deepseek_report.store.stage_folders import Store, digest

__all__ = ["MANIFEST", "Store", "compare", "copy_tree", "digest", "hash_folder", "replace_folder"]

"""Sections to Quarto Markdown, and that to HTML, PDF and DOCX."""

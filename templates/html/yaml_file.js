/* A YAML file that a person saves from a page: its texts, its day, and the saving. Nothing is sent. */
const yamlFile = (() => {
  "use strict";
  /* A JSON text is a text of YAML, once what YAML does not print is written as an escape. */
  const quoted = (text) => JSON.stringify(text.replace(/[\ud800-\udfff]/gu, "\ufffd"))
    .replace(/[\u007f-\u009f\u00ad\u2028\u2029\ufeff\ufffe\uffff]/g,
      (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
  const two = (number) => String(number).padStart(2, "0");
  const today = () => { const day = new Date(); return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`; };
  /* The letters of a name that any file system and any shell takes as they are. */
  const slug = (name) => name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
  const save = (name, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "application/yaml" }));
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  };
  return { quoted, today, slug, save };
})();

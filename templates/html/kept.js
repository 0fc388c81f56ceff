/* What a person puts into a page: this browser keeps it under the digest of the run, so that a page that
   is loaded again has it, and no other run does. Nothing is sent. Where the browser keeps nothing,
   `works` says so, and the page is as it is without. The digest of a report is the last of its keywords.
   Not `const`: beside a server, the page may have this twice. */
var keptInput = (of) => {
  "use strict";
  const digest = of ?? document.querySelector("meta[name=keywords]").content;
  const place = (name) => `deepseek-report ${digest} ${name}`;
  let works = digest !== "";
  const tried = (act) => { try { return works ? act(localStorage) : null; } catch { works = false; return null; } };
  const write = (name, value) => { tried((store) => value === null ? store.removeItem(place(name)) : store.setItem(place(name), JSON.stringify(value))); };
  const read = (name) => { try { return JSON.parse(tried((store) => store.getItem(place(name)))); } catch { return null; } };
  write("works", true);
  write("works", null);
  /* Hears of what another page of this run puts there. */
  const heard = (name, act) => addEventListener("storage", ({ key }) => { if (key === null || key === place(name)) act(); });
  /* Fields that come back as they were filled in, and are as at first once they are cleared. controls :
     {name: field}. changed : hears when they came back, also from another page of this run. */
  const fields = (name, controls, changed = () => {}) => {
    const part = (field) => field.type === "checkbox" ? "checked" : "value";
    const all = Object.entries(controls).map(([key, field]) => ({ key, field, own: part(field), first: field[part(field)] }));
    const keep = () => {
      const filled = all.filter(({ field, own, first }) => field[own] !== first).map(({ key, field, own }) => [key, field[own]]);
      write(name, filled.length ? Object.fromEntries(filled) : null);
    };
    const bring = () => {
      const before = read(name) ?? {};
      all.forEach(({ key, field, own, first }) => { field[own] = Object.hasOwn(before, key) && typeof before[key] === typeof first ? before[key] : first; });
      changed();
    };
    all.forEach(({ field }) => ["input", "change"].forEach((event) => field.addEventListener(event, keep)));
    heard(name, bring);
    if (read(name)) bring();
    return { clear: () => { write(name, null); bring(); } };
  };
  return { read, write, heard, fields, get works() { return works; } };
};

/* Beside `deepseek-report serve`: asks the server that the page came from. The page's own scripts
   look whether this is here; without it they say what is stored. */
const reportLive = (() => {
  "use strict";
  /* The answer to one question; what the server cannot answer is an error that says why. */
  const ask = async (what, question) => {
    const response = await fetch(`ask/${what}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(question) });
    const answer = await response.json();
    if (!response.ok) throw Object.assign(new Error(answer.error), { faults: answer.faults ?? {} });
    return answer;
  };
  /* Asks for the newest question alone: one is on its way, and the last that came meanwhile is next. */
  const newest = (what, take, fail) => {
    let busy = false, next = null;
    const send = async (question) => {
      busy = true;
      try { const answer = await ask(what, question); if (!next) take(answer, question); } catch (problem) { if (!next) fail(problem); }
      busy = false;
      if (next) { const waiting = next; next = null; send(waiting); }
    };
    return (question) => { if (busy) next = question; else send(question); };
  };
  addEventListener("DOMContentLoaded", () => {
    const { element, block } = reportPage, input = keptInput();
    const words = JSON.parse(document.getElementById("live-words").textContent);
    const say = (name, slots = {}) => words[name].replace(/\{(\w+)\}/g, (_, slot) => slots[slot] ?? "");
    const form = (fields, does, act, more = []) => {
      const state = element("p", { role: "status", class: "live-state" });
      const made = block("form", { class: "live-form" }, fields, block("button", { type: "submit" }, does), more, state);
      made.addEventListener("submit", async (event) => {
        event.preventDefault();
        state.textContent = say("asking");
        try { state.replaceChildren(...await act()); } catch (problem) { state.textContent = problem.message; }
      });
      return made;
    };
    const labelled = (label, field) => block("label", {}, block("span", {}, label), field);
    const link = (page, text) => block("a", { href: page, target: "_blank", rel: "noopener" }, text);
    /* A new case, typed cell by cell; all that cannot be read is told at its cell. */
    const newCase = ({ cells }) => {
      const rows = cells.map(({ name, label, unit, choices, ends }, at) => {
        const hint = ends.length ? say("ends", { low: ends[0], high: ends[1] }) : "";
        const about = { id: `live-cell-${at}`, "aria-describedby": `live-hint-${at} live-fault-${at}` };
        const field = choices.length ? block("select", about, block("option", { value: "" }, say("unknown")), choices.map(([code, text]) => block("option", { value: code }, text)))
          : element("input", { ...about, inputmode: "decimal", autocomplete: "off", maxlength: "200" });
        const fault = element("p", { class: "live-fault", id: `live-fault-${at}` });
        return { name, field, fault, row: block("div", { class: "live-cell" }, labelled(unit ? `${label} (${unit})` : label, field), block("p", { class: "live-hint", id: `live-hint-${at}` }, hint), fault) };
      });
      const told = (faults) => {
        rows.forEach(({ name, field, fault }) => { fault.textContent = faults[name] ?? ""; field.setAttribute("aria-invalid", String(name in faults)); });
        rows.find(({ name }) => name in faults)?.field.focus();
        return Object.keys(faults).length;
      };
      const clear = element("button", { type: "button" }, say("clear"));
      const made = form(rows.map(({ row }) => row), say("explain"), async () => {
        told({});
        try {
          const answer = await ask("new-case", { cells: Object.fromEntries(rows.map(({ name, field }) => [name, field.value])) });
          return [link(answer.page, answer.called), ": ", answer.summary, " ", ...answer.notes.map((note) => block("strong", {}, note, " "))];
        } catch (problem) {
          if (told(problem.faults ?? {})) throw new Error(say("faults", { n: String(Object.keys(problem.faults).length) }));
          throw problem;
        }
      }, [clear]);
      const kept = input.fields("new case", Object.fromEntries(rows.map(({ name, field }) => [name, field])));
      clear.addEventListener("click", () => { kept.clear(); told({}); });
      return [block("p", { class: "live-hint" }, say("new_hint")), made];
    };
    const cases = document.querySelector(".case-browser");
    if (cases) {
      const row = element("input", { type: "number", min: "0", step: "1", required: "" });
      const typed = block("details", { class: "live-note" }, block("summary", {}, say("new_case")));
      typed.addEventListener("toggle", async () => {
        if (!typed.open || typed.children.length > 1) return;
        try { typed.append(...newCase(await ask("cells", {}))); } catch (problem) { typed.append(block("p", {}, problem.message)); }
      });
      cases.before(block("div", { class: "live-case" }, form(labelled(say("row"), row), say("explain"), async () => {
        const { page } = await ask("case", { row: row.valueAsNumber });
        return [link(page, say("explained", { row: row.value }))];
      }), typed));
    }
    document.querySelectorAll("main section.level2[id^='sec-']").forEach((section) => {
      const name = section.id.slice(4), text = element("textarea", { rows: "2", maxlength: "4000", required: "" });
      const kept = input.fields(`note ${name}`, { text });
      const note = block("details", { class: "live-note" }, block("summary", {}, say("note")), form(labelled(say("note_label"), text), say("save"), async () => {
        const { file } = await ask("note", { section: name.replaceAll("-", "_"), text: text.value });
        kept.clear();
        return [say("saved", { file })];
      }));
      note.open = text.value !== "";
      section.append(note);
    });
  });
  return { ask, newest };
})();

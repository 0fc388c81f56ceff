/* Beside `deepseek-report serve`: asks the server that the page came from. The page's own scripts
   look whether this is here; without it they say what is stored. */
const reportLive = (() => {
  "use strict";
  /* The answer to one question; what the server cannot answer is an error that says why. */
  const ask = async (what, question) => {
    const response = await fetch(`ask/${what}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(question) });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error);
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
    const { element, block, phrase } = reportPage;
    const say = (name, slots) => phrase(`live.${name}`, slots);
    const form = (label, field, does, act) => {
      const state = element("p", { role: "status", class: "live-state" });
      const made = block("form", { class: "live-form" }, block("label", {}, block("span", {}, label), field), block("button", { type: "submit" }, does), state);
      made.addEventListener("submit", async (event) => {
        event.preventDefault();
        state.textContent = say("asking");
        try { state.replaceChildren(...await act()); } catch (problem) { state.textContent = problem.message; }
      });
      return made;
    };
    const cases = document.querySelector(".case-browser");
    if (cases) {
      const row = element("input", { type: "number", min: "0", step: "1", required: "" });
      cases.before(block("div", { class: "live-case" }, form(say("row"), row, say("explain"), async () => {
        const { page } = await ask("case", { row: row.valueAsNumber });
        return [block("a", { href: page, target: "_blank", rel: "noopener" }, say("explained", { row: row.value }))];
      })));
    }
    document.querySelectorAll("main section.level2[id^='sec-']").forEach((section) => {
      const name = section.id.slice(4), text = element("textarea", { rows: "2", maxlength: "4000", required: "" });
      section.append(block("details", { class: "live-note" }, block("summary", {}, say("note")), form(say("note_label"), text, say("save"), async () => {
        const { file } = await ask("note", { section: name.replaceAll("-", "_"), text: text.value });
        text.value = "";
        return [say("saved", { file })];
      })));
    });
  });
  return { ask, newest };
})();

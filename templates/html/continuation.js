/* Prompts and their answers: a token of the answer, once it is chosen, marks what it came from. The table
   and the heat map beside it are for readers without scripts, and for paper. */
(() => {
  "use strict";
  const place = document.querySelector(".continuation"), packed = document.getElementById("continuation");
  if (!place || !packed || !("DecompressionStream" in window)) return;
  const { element, block, unpack, numbers } = reportPage;
  const phrase = (name, slots = {}) => reportPage.phrase(`continuation.${name}`, slots);
  const signed = (value) => numbers.number(value, Math.abs(value) >= 10 ? 1 : 2, true);
  const STEPS = 4, LISTED = 3;

  const start = (data) => {
    numbers.group = data.group;
    let chosen = 0;
    const chooser = (label, change) => {
      const select = element("select", {});
      select.addEventListener("change", change);
      return { select, label: block("label", {}, block("span", {}, phrase(label)), select) };
    };
    const fill = (select, choices) => {
      const before = select.value;
      select.replaceChildren(...choices.map(([value, text]) => block("option", { value }, text)));
      if (choices.some(([value]) => value === before)) select.value = before;
    };
    const prompts = chooser("prompt", () => { chosen = 0; write(); });
    const questions = chooser("question", () => { methods(); mark(); });
    const byMethod = chooser("method", () => mark());
    const methods = () => fill(byMethod.select, data.questions[questions.select.value]);
    fill(prompts.select, data.prompts.map((_, at) => [String(at), phrase("number", { n: at + 1, all: data.prompts.length })]));
    fill(questions.select, ["contrast", "logit"].filter((name) => data.questions[name]).map((name) => [name, phrase(name)]));
    methods();

    const text = element("div", { class: "continuation-text", role: "group", "aria-label": phrase("title") });
    const says = element("p", { role: "status" });
    const legend = block("p", { class: "threshold-note" }, phrase("legend"), " ", data.prompts.some(({ truth }) => truth.some((own) => own.length)) ? phrase("known") : "");
    const prompt = () => data.prompts[prompts.select.value];
    const choose = (at) => { chosen = at; mark(); };
    let tokens = [];
    const write = () => {
      const { tokens: written, start } = prompt();
      tokens = written.map(([word, apart, player], at) => {
        const answer = at - start;
        const made = answer < 0 ? block("span", {}, word) : block("button", { type: "button" }, word);
        if (answer >= 0) made.addEventListener("click", () => choose(answer));
        return { made, apart, player, answer };
      });
      text.replaceChildren(...tokens.flatMap(({ made, apart }) => apart ? [" ", made] : [made]));
      mark();
    };
    const mark = () => {
      const { values, answers, truth, players } = prompt();
      const own = values[questions.select.value][byMethod.select.value][chosen];
      const most = Math.max(...own.map(Math.abs), 0);
      tokens.forEach(({ made, player, answer }) => {
        const value = answer < chosen && player >= 0 && player < own.length ? own[player] : 0;
        const level = most ? Math.min(Math.floor((STEPS + 1) * Math.abs(value) / most), STEPS) : 0;
        made.className = [level ? `level-${level}` : "", level ? (value > 0 ? "raises" : "lowers") : "", answer < chosen && truth[chosen]?.includes(player) ? "is-known" : ""].join(" ").trim();
        made.title = level ? signed(value) : "";
        if (answer >= 0) made.setAttribute("aria-pressed", String(answer === chosen));
      });
      const [token, probability, rival] = answers[chosen];
      const parts = own.map((value, player) => ({ value, player })).filter(({ value }) => value !== 0).sort((a, b) => Math.abs(b.value) - Math.abs(a.value)).slice(0, LISTED)
        .map(({ value, player }) => phrase("part", { source: players[player], value: signed(value) }));
      says.textContent = `${phrase("answer", { token, rival, probability: numbers.percent(probability) })} ${parts.length ? phrase("parts", { parts: parts.join(", ") }) : phrase("nothing")}`;
    };
    text.addEventListener("keydown", (event) => {
      const last = prompt().answers.length - 1;
      const to = { ArrowRight: Math.min(chosen + 1, last), ArrowLeft: Math.max(chosen - 1, 0), Home: 0, End: last }[event.key];
      if (to === undefined || !event.target.matches("button")) return;
      event.preventDefault();
      choose(to);
      tokens.find(({ answer }) => answer === to).made.focus();
    });
    place.append(block("section", { "aria-label": phrase("title") },
      block("p", { class: "threshold-note" }, phrase("hint")),
      block("div", { class: "case-filters" }, prompts.label, questions.label, byMethod.label),
      text, says, legend));
    write();
  };
  unpack("continuation").then((packed) => start(JSON.parse(packed)));
})();

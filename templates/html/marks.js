/* What a person marks as wrong in the cases: collected while the page is open, and saved as the file
   that `corrections` of a new run takes. The browser of cases asks here for each button. */
const reportMarks = (data, browser) => {
  "use strict";
  const shared = data.marks;
  const nothing = () => null;
  if (!shared) return { flag: nothing, rule: nothing, text: nothing, part: nothing };
  const { element, block, numbers } = reportPage;
  const { quoted } = yamlFile;
  const phrase = (name, slots = {}) => reportPage.phrase(`marks.${name}`, slots);
  const byRow = shared.features.length === 0;
  const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

  /* The marks, in the order in which they were made: { what, means, fields: {key: text of YAML}, why }. */
  const marks = new Map();
  let saved = true;
  const shows = new Set();
  const changed = () => {
    saved = false;
    for (const show of shows) if (show() === false) shows.delete(show);
    list();
  };
  const set = (key, mark) => { if (mark) marks.set(key, { why: marks.get(key)?.why ?? "", ...mark }); else marks.delete(key); changed(); };

  /* Features, in whatever row --------------------------------------------------------------------- */
  const called = (player) => shared.labels[player] === shared.features[player] ? shared.labels[player] : `${shared.labels[player]} (${shared.features[player]})`;
  const feature = (player) => ({ what: phrase("what_feature", { name: called(player) }), means: shared.means.must_not, fields: { feature: quoted(shared.features[player]) } });
  const toggleFeature = (player) => { const key = `feature ${player}`; set(key, marks.has(key) ? null : feature(player)); };

  /* Words, patches and windows of one row: one mark, however many they are -------------------------- */
  const players = (one) => marks.get(`region ${one.mark?.row}`)?.players ?? new Map();
  const place = (one, player) => {
    const word = data.pages[one.at]?.marks.words?.find(([, owner]) => owner === player);
    return word ? `“${word[0]}”` : shared.labels[player] ?? "";
  };
  const togglePlayer = (one, player) => {
    const chosen = new Map(players(one));
    if (!chosen.delete(player)) chosen.set(player, place(one, player));
    const names = [...chosen.values()].join(", "), at = [...chosen.keys()].sort((a, b) => a - b);
    set(`region ${one.mark.row}`, chosen.size ? { players: chosen, what: phrase("what_region", { case: sentence(one.name), places: names }), means: shared.means.must_not, fields: { row: quoted(one.mark.row), region: `[${at.map((player) => player + 1).join(", ")}]`, text: quoted(names.slice(0, 900)) } } : null);
  };

  /* The button beside what it marks ----------------------------------------------------------------- */
  const button = (name, holds, toggle, named) => {
    const made = element("button", { type: "button", class: "mark-flag", "aria-label": phrase("flag_of", { name }) }, named ? phrase("flag_of", { name }) : phrase("flag"));
    const show = () => { made.setAttribute("aria-pressed", String(holds())); return made.isConnected; };
    show();
    shows.add(show);
    made.addEventListener("click", toggle);
    return made;
  };
  const flag = (one, player, named = false) => !byRow ? button(shared.labels[player], () => marks.has(`feature ${player}`), () => toggleFeature(player), named)
    : one.mark ? button(place(one, player), () => players(one).has(player), () => togglePlayer(one, player), named) : null;
  const rule = (number, text) => {
    const key = `rule ${number}`;
    return button(text, () => marks.has(key), () => set(key, marks.has(key) ? null : { what: phrase("what_rule", { rule: numbers.number(number, 0), text }), means: shared.means.rule, fields: { rule: number, text: quoted(text.slice(0, 900)), remove: "true" } }), false);
  };

  /* Choosing among the parts of an input: one stop of the tab key, and arrows inside. options :
     [player, element], `across` of them in a line. -------------------------------------------------- */
  const chooser = (one, options, children, across, kind) => {
    const box = block("div", { role: "listbox", "aria-multiselectable": "true", tabindex: "0", class: `mark-box mark-${kind}`, "aria-label": shared.choose }, children);
    let at = 0;
    const show = () => {
      options.forEach(([player, option], place) => { option.setAttribute("aria-selected", String(players(one).has(player))); option.classList.toggle("is-at", place === at); });
      if (options[at]) box.setAttribute("aria-activedescendant", options[at][1].id);
      return box.isConnected;
    };
    options.forEach(([player, option], place) => {
      option.id = `mark-${one.at}-${player}`;
      option.setAttribute("role", "option");
      option.addEventListener("click", () => { at = place; togglePlayer(one, player); });
    });
    box.addEventListener("keydown", (event) => {
      const last = options.length - 1;
      if (event.key === " " || event.key === "Enter") { event.preventDefault(); if (options[at]) togglePlayer(one, options[at][0]); return; }
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + across, ArrowUp: at - across, Home: 0, End: last }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      if (to >= 0 && to <= last) at = to;
      show();
    });
    show();
    shows.add(show);
    return box;
  };
  const words = (one, pieces) => {
    const options = [], children = pieces.map(([text, player]) => {
      if (player === null) return text;
      const option = element("span", {}, text);
      options.push([player, option]);
      return option;
    });
    return chooser(one, options, children, 1, "words");
  };
  /* The place of a player as shares of what it is drawn on. */
  const spot = (player, style, number) => element("span", { "aria-label": shared.labels[player], title: shared.labels[player], style }, number ? String(number) : "");
  const share = (part, whole) => `${(100 * part / whole).toFixed(3)}%`;
  const patches = (one, picture, listed) => {
    const { areas } = shared, rows = Math.max(...areas.map((area) => area[1])) + 1, columns = Math.max(...areas.map((area) => area[3])) + 1;
    const options = areas.map(([top, bottom, left, right], player) => [player, spot(player, `top: ${share(top, rows)}; left: ${share(left, columns)}; height: ${share(bottom + 1 - top, rows)}; width: ${share(right + 1 - left, columns)}`, listed?.[player])]);
    picture.setAttribute("class", "mark-picture");
    return chooser(one, options, [picture, options.map(([, option]) => option)], areas.filter((area) => area[0] === areas[0][0]).length, "patches");
  };
  const windows = (one, courses, listed) => {
    const SVG = "http://www.w3.org/2000/svg", steps = Math.max(...shared.areas.map((area) => area[2])) + 1;
    const options = [], lines = courses.map(([channel, levels]) => {
      const drawing = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "polyline");
      for (const [key, value] of Object.entries({ viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" })) drawing.setAttribute(key, value);
      line.setAttribute("points", levels.map((level, at) => level === null ? "" : `${(100 * (at + .5) / levels.length).toFixed(2)},${100 - level}`).filter(Boolean).join(" "));
      drawing.append(line);
      const own = shared.areas.flatMap(([of, first, last], player) => of === channel ? [[player, spot(player, `left: ${share(first, steps)}; width: ${share(last + 1 - first, steps)}`, listed?.[player])]] : []);
      options.push(...own);
      const name = shared.channels[channel];
      return block("div", { class: "mark-course", role: "group", "aria-label": name ?? shared.choose }, name ? block("span", { class: "mark-channel", "aria-hidden": "true" }, name) : null, drawing, own.map(([, option]) => option));
    });
    return chooser(one, options, lines, Math.max(options.length / courses.length, 1), "windows");
  };
  /* What is chosen from, opened by a button; `closed` is what stands there before. */
  let open = false;
  const opened = (one, make, closed) => {
    const holder = element("div", { class: "mark-holder" });
    const fill = (focus) => {
      const turn = element("button", { type: "button", class: "mark-turn", "aria-expanded": String(open) }, open ? phrase("done") : shared.choose);
      turn.addEventListener("click", () => { open = !open; fill(true); });
      const shown = open ? [make(), block("p", { class: "case-by" }, phrase("keys"))] : [closed()];
      holder.replaceChildren(...shown.filter(Boolean), turn);
      if (focus) (open ? holder.firstChild : turn).focus();
    };
    fill(false);
    return holder;
  };
  const text = (one, page) => {
    const pieces = one.mark && page?.marks.words;
    if (!pieces?.length) return null;
    const marked = () => block("p", { class: "case-text" }, pieces.map(([piece, player]) => player !== null && players(one).has(player) ? block("mark", {}, piece) : piece));
    const holder = opened(one, () => words(one, pieces), marked);
    return holder;
  };

  /* The label of a case ----------------------------------------------------------------------------- */
  const label = (one) => {
    if (!one.mark || one.mark.was === undefined) return null;
    const key = `label ${one.mark.row}`, { was } = one.mark, many = shared.classes.length;
    const field = many ? block("select", {}, block("option", { value: "" }, phrase("label_right")), data.classes.flatMap((name, at) => at === was ? [] : [block("option", { value: String(at) }, name)]))
      : element("input", { type: "number", step: "any" });
    field.value = marks.get(key)?.value ?? "";
    const written = (value) => many ? quoted(shared.classes[value]) : String(Number(value));
    field.addEventListener("change", () => {
      const { value } = field;
      set(key, value === "" || (!many && (!Number.isFinite(Number(value)) || Number(value) === was)) ? null : { value, what: phrase("what_label", { case: sentence(one.name), label: many ? data.classes[value] : value, was: one.truth }), means: shared.means.label, fields: { row: quoted(one.mark.row), label: written(value), was: written(was) } });
    });
    const show = () => { field.value = marks.get(key)?.value ?? ""; return field.isConnected; };
    shows.add(show);
    return block("label", { class: "mark-field" }, block("span", {}, phrase("label", { was: one.truth })), field);
  };
  const anyFeature = () => {
    if (byRow) return null;
    const field = block("select", {}, block("option", { value: "" }, phrase("choose_feature")), shared.labels.map((name, at) => block("option", { value: String(at) }, name)));
    field.addEventListener("change", () => { const key = `feature ${field.value}`; if (field.value !== "" && !marks.has(key)) toggleFeature(Number(field.value)); field.value = ""; });
    return block("label", { class: "mark-field" }, block("span", {}, phrase("feature")), field);
  };
  /* picture : makes the element on which the places of an image are chosen. */
  const part = (one, page, picture) => {
    const drawn = one.mark && shared.areas.length ? page?.marks.courses ? () => windows(one, page.marks.courses, page.marks.numbers) : shared.areas[0].length === 4 && picture() ? () => patches(one, picture(), page?.marks.numbers) : null : null;
    const parts = [anyFeature(), label(one), drawn && opened(one, drawn, () => null)].filter(Boolean);
    return parts.length ? block("section", { class: "case-part mark-part" }, block("h4", {}, phrase("part")), block("p", { class: "case-by" }, phrase(page?.marks.words ? "hint_words" : one.waterfall || page?.codes || page?.players.length ? "hint_reasons" : "hint"), " ", phrase("offline")), parts) : null;
  };

  /* The list of all marks, and the file -------------------------------------------------------------- */
  const state = element("p", { role: "status" });
  const items = element("ol", {});
  const by = element("input", { autocomplete: "name", maxlength: "200" });
  const file = element("pre", { tabindex: "0" });
  const keep = element("button", { type: "button", class: "mark-save" }, phrase("save"));
  const panel = block("section", { class: "case-marks", id: "case-marks", tabindex: "-1", "aria-labelledby": "case-marks-title", hidden: "" },
    block("h3", { id: "case-marks-title" }, phrase("title")), items,
    block("label", { class: "mark-field mark-by" }, block("span", {}, phrase("by")), by), keep, state,
    block("details", { class: "case-fold" }, block("summary", {}, phrase("show")), file));
  const count = element("span", { role: "status" });
  const review = element("button", { type: "button" }, phrase("review"));
  const bar = block("div", { class: "marks-bar", hidden: "" }, count, review);
  review.addEventListener("click", () => { panel.scrollIntoView(); panel.focus(); });
  browser.after(panel);

  const yaml = () => [
    `# ${phrase("file_head", { run: shared.run })}`,
    "deepseek_report_marks: 1", `run: ${quoted(shared.run)}`, `by: ${quoted(by.value.trim())}`, `"on": ${quoted(yamlFile.today())}`, "marks:",
    ...[...marks.values()].map(({ fields, why }) => `  - {${Object.entries({ ...fields, ...(why.trim() ? { why: quoted(why.trim()) } : {}) }).map(([key, value]) => `${key}: ${value}`).join(", ")}}`),
  ].join("\n") + "\n";
  const lacking = () => [...marks.values()].some(({ why }) => !why.trim()) ? phrase("lacks_why") : by.value.trim() ? "" : phrase("lacks_name");
  const note = () => {
    panel.dataset.by = by.value.trim() ? phrase("told_by", { name: by.value.trim() }) : "";
    file.textContent = yaml();
    state.classList.remove("is-lacking");
    state.textContent = "";
  };
  function list() {
    const hadFocus = items.contains(document.activeElement);
    panel.hidden = bar.hidden = marks.size === 0;
    count.textContent = marks.size === 1 ? phrase("count_one") : phrase("count", { n: numbers.number(marks.size, 0) });
    items.replaceChildren(...[...marks].map(([key, mark]) => {
      const why = element("input", { maxlength: "1000" }), undo = element("button", { type: "button", "aria-label": phrase("undo_of", { mark: mark.what }) }, phrase("undo"));
      const item = block("li", { "data-why": mark.why }, block("p", { class: "mark-what" }, block("strong", {}, mark.what), " ", mark.means), block("div", { class: "mark-row" }, block("label", { class: "mark-field" }, block("span", {}, phrase("why")), why), undo));
      why.value = mark.why;
      why.addEventListener("input", () => { mark.why = item.dataset.why = why.value; saved = false; note(); });
      undo.addEventListener("click", () => set(key, null));
      return item;
    }));
    if (hadFocus) (items.querySelector("button") ?? browser.querySelector(".case-page")).focus();
    note();
  }
  by.addEventListener("input", note);
  keep.addEventListener("click", () => {
    note();
    const problem = lacking();
    if (problem) { state.classList.add("is-lacking"); state.textContent = problem; (([...items.querySelectorAll("input")].find((field) => !field.value.trim())) ?? by).focus(); return; }
    const name = `${["marks", yamlFile.slug(by.value).slice(0, 40), yamlFile.today()].filter(Boolean).join("-")}.yaml`;
    yamlFile.save(name, yaml());
    saved = true;
    const code = (command) => element("code", {}, command.replace("{file}", name));
    const [before, between, after] = phrase("saved", { file: name }).split("|");
    state.replaceChildren(...(shared.command ? [before, code(shared.command), between] : [phrase("saved_python", { file: name })]), code(shared.python), after);
  });
  addEventListener("beforeunload", (event) => { if (!saved && marks.size) event.preventDefault(); });
  return { flag, rule, text, part, bar };
};

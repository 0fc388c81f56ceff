/* What a person marks as wrong in the cases: collected, kept by this browser for the pages of this run,
   and saved as the file that `corrections` of a new run takes. The browser of cases asks here for each
   button. */
const reportMarks = (data, browser) => {
  "use strict";
  const shared = data.marks, nothing = () => null;
  if (!shared) return { flag: nothing, rule: nothing, text: nothing, part: nothing };
  const { element, block, numbers } = reportPage, { quoted, today } = yamlFile, kept = keptInput();
  const phrase = (name, slots = {}) => reportPage.phrase(`marks.${name}`, slots);
  const byFeature = shared.features.length > 0;
  const called = (one) => one.name.charAt(0).toUpperCase() + one.name.slice(1);

  /* The marks, as they were made: { what, means, fields: {key: value of YAML}, why }. A mark that
     changes is shown anew by whatever shows it and is still on the page. What is kept is taken where
     it has this shape: other pages of this computer can write there too. */
  const marks = new Map(), views = new Set();
  const isText = (value) => typeof value === "string";
  const isWritten = ([key, value]) => /^[a-z]+$/.test(key) && (isText(value) || Number.isFinite(value) || value === true || (Array.isArray(value) && value.every(Number.isInteger)));
  const isMark = ([key, mark]) => [key, mark.what, mark.means, mark.why].every(isText) && Object.entries(mark.fields).every(isWritten) && new Map(mark.players ?? []) && (mark.value === undefined || isText(mark.value));
  const before = () => { try { const { name, made } = kept.read("marks"); return { name: String(name), made: made.filter(isMark) }; } catch { return { name: "", made: [] }; } };
  const keepMarks = () => kept.write("marks", marks.size || by.value ? { name: by.value, made: [...marks] } : null);
  let saved = true;
  const shownBy = (node, show) => { views.add(() => { show(); return node.isConnected; }); show(); return node; };
  const set = (key, mark) => {
    if (mark) marks.set(key, { why: marks.get(key)?.why ?? "", ...mark }); else marks.delete(key);
    saved = false;
    keepMarks();
    showAll();
  };
  const showAll = () => { for (const view of views) if (!view()) views.delete(view); list(); };
  const toggle = (key, mark) => set(key, marks.has(key) ? null : mark);

  const feature = (player) => {
    const label = shared.labels[player], name = shared.features[player];
    toggle(`feature ${player}`, { what: phrase("what_feature", { name: label === name ? name : `${label} (${name})` }), means: shared.means.must_not, fields: { feature: name } });
  };
  /* Words, patches, windows of one row are one mark, however many: `players` is {player: what it is called}. */
  const chosen = (one) => new Map(marks.get(`region ${one.mark?.row}`)?.players);
  const place = (one, player) => {
    const word = data.pages[one.at]?.marks.words?.find(([, owner]) => owner === player);
    return word ? `“${word[0]}”` : shared.labels[player] ?? "";
  };
  const region = (one, player) => {
    const { row } = one.mark, players = chosen(one);
    if (!players.delete(player)) players.set(player, place(one, player));
    const sorted = [...players].sort(([a], [b]) => a - b), places = sorted.map(([, name]) => name).join(", "), counted = sorted.map(([at]) => at + 1);
    set(`region ${row}`, players.size ? { players: sorted, what: phrase("what_region", { case: called(one), places }), means: shared.means.must_not, fields: { row, region: counted, text: places.slice(0, 900) } } : null);
  };

  /* The button beside what it marks; where it marks one of several it says which. */
  const button = (name, holds, act, named) => {
    const full = phrase("flag_of", { name }), made = element("button", { type: "button", class: "mark-flag", "aria-label": full }, named ? full : phrase("flag"));
    made.addEventListener("click", act);
    return shownBy(made, () => made.setAttribute("aria-pressed", String(holds())));
  };
  const flag = (one, player, named = false) => byFeature ? button(shared.labels[player], () => marks.has(`feature ${player}`), () => feature(player), named)
    : one.mark ? button(place(one, player), () => chosen(one).has(player), () => region(one, player), named) : null;
  const rule = (number, text) => button(text, () => marks.has(`rule ${number}`), () => toggle(`rule ${number}`, { what: phrase("what_rule", { rule: numbers.number(number, 0), text }), means: shared.means.rule, fields: { rule: number, text: text.slice(0, 900), remove: true } }));

  /* Choosing among the parts of an input: one stop of the tab key, and arrows inside. options :
     [player, element], `across` of them in a line. */
  const chooser = (one, options, children, across, kind) => {
    const box = block("div", { role: "listbox", "aria-multiselectable": "true", tabindex: "0", class: `mark-box mark-${kind}`, "aria-label": shared.choose }, children), last = options.length - 1;
    let at = 0;
    options.forEach(([player, option], order) => {
      option.id = `mark-${one.at}-${player}`;
      option.setAttribute("role", "option");
      option.addEventListener("click", () => { at = order; region(one, player); });
    });
    const show = () => {
      options.forEach(([player, option], order) => { option.setAttribute("aria-selected", String(chosen(one).has(player))); option.classList.toggle("is-at", order === at); });
      box.setAttribute("aria-activedescendant", options[at]?.[1].id ?? "");
    };
    box.addEventListener("keydown", (event) => {
      const { key } = event;
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + across, ArrowUp: at - across, Home: 0, End: last, " ": at, Enter: at }[key];
      if (to === undefined) return;
      event.preventDefault();
      if (to === at && options[at] && (key === " " || key === "Enter")) region(one, options[at][0]);
      else if (to >= 0 && to <= last) { at = to; show(); }
    });
    return shownBy(box, show);
  };
  const words = (one, pieces) => {
    const options = [], children = pieces.map(([text, player]) => player === null ? text : options[options.push([player, element("span", {}, text)]) - 1][1]);
    return chooser(one, options, children, 1, "words");
  };
  /* Where a player lies on what is drawn, and its number among the reasons. */
  const most = (at) => Math.max(...shared.areas.map((area) => area[at])) + 1;
  const share = (part, whole) => `${(100 * part / whole).toFixed(3)}%`;
  const spot = (player, style, listed) => [player, element("span", { "aria-label": shared.labels[player], title: shared.labels[player], style }, listed?.[player] ?? "")];
  const patches = (one, picture, listed) => {
    const rows = most(1), columns = most(3), { areas } = shared;
    const options = areas.map(([top, bottom, left, right], player) => spot(player, `top: ${share(top, rows)}; left: ${share(left, columns)}; height: ${share(bottom + 1 - top, rows)}; width: ${share(right + 1 - left, columns)}`, listed));
    picture.setAttribute("class", "mark-picture");
    return chooser(one, options, [picture, options.map(([, option]) => option)], areas.filter(([top]) => top === areas[0][0]).length, "patches");
  };
  const windows = (one, courses, listed) => {
    const steps = most(2), options = [], SVG = "http://www.w3.org/2000/svg";
    const drawn = (name, attributes) => { const made = document.createElementNS(SVG, name); Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value)); return made; };
    const lines = courses.map(([channel, levels]) => {
      const curve = drawn("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" }), name = shared.channels[channel];
      curve.append(drawn("polyline", { points: levels.map((level, at) => level === null ? "" : `${(100 * (at + .5) / levels.length).toFixed(2)},${100 - level}`).join(" ") }));
      const own = shared.areas.flatMap(([of, first, last], player) => of === channel ? [spot(player, `left: ${share(first, steps)}; width: ${share(last + 1 - first, steps)}`, listed)] : []);
      options.push(...own);
      return block("div", { class: "mark-course", role: "group", "aria-label": name ?? shared.choose }, name ? block("span", { class: "mark-channel", "aria-hidden": "true" }, name) : null, curve, own.map(([, option]) => option));
    });
    return chooser(one, options, lines, options.length / courses.length, "windows");
  };
  /* A button opens what is chosen from, here and in the cases looked at next; `closed` stands there before. */
  let open = false;
  const opened = (make, closed) => {
    const holder = element("div", { class: "mark-holder" });
    const fill = () => {
      const turn = element("button", { type: "button", class: "mark-turn", "aria-expanded": String(open) }, open ? phrase("done") : shared.choose);
      turn.addEventListener("click", () => { open = !open; fill(); (open ? holder.firstChild : holder.lastChild).focus(); });
      holder.replaceChildren(...(open ? [make(), block("p", { class: "case-by" }, phrase("keys"))] : [closed()].filter(Boolean)), turn);
    };
    fill();
    return holder;
  };
  const text = (one, page) => {
    const pieces = one.mark && page?.marks.words;
    return pieces?.length ? opened(() => words(one, pieces), () => block("p", { class: "case-text" }, pieces.map(([piece, player]) => player !== null && chosen(one).has(player) ? block("mark", {}, piece) : piece))) : null;
  };

  const field = (label, control) => block("label", { class: "mark-field" }, block("span", {}, label), control);
  const select = (first, names) => block("select", {}, block("option", { value: "" }, first), names.map(([at, name]) => block("option", { value: String(at) }, name)));
  const label = (one) => {
    const key = `label ${one.mark?.row}`, was = one.mark?.was, classes = shared.classes;
    if (was === undefined) return null;
    const control = classes.length ? select(phrase("label_right"), [...data.classes.entries()].filter(([at]) => at !== was)) : element("input", { type: "number", step: "any" });
    const written = (value) => classes.length ? classes[value] : Number(value);
    control.addEventListener("change", () => {
      const { value } = control, same = value === "" || Number(value) === was;
      set(key, same ? null : { value, what: phrase("what_label", { case: called(one), label: classes.length ? data.classes[value] : value, was: one.truth }), means: shared.means.label, fields: { row: one.mark.row, label: written(value), was: written(was) } });
    });
    return field(phrase("label", { was: one.truth }), shownBy(control, () => { control.value = marks.get(key)?.value ?? ""; }));
  };
  const anyFeature = () => {
    if (!byFeature) return null;
    const control = select(phrase("choose_feature"), [...shared.labels.entries()]);
    control.addEventListener("change", () => { if (control.value !== "" && !marks.has(`feature ${control.value}`)) feature(Number(control.value)); control.value = ""; });
    return field(phrase("feature"), control);
  };
  /* picture : makes the element on which the places of an image are chosen, null where there is none. */
  const places = (one, page, picture) => {
    if (!one.mark || !shared.areas.length) return null;
    const listed = page?.marks.numbers;
    if (page?.marks.courses) return opened(() => windows(one, page.marks.courses, listed), nothing);
    return shared.areas[0].length === 4 && picture() ? opened(() => patches(one, picture(), listed), nothing) : null;
  };
  const part = (one, page, picture) => {
    const parts = [anyFeature(), label(one), places(one, page, picture)].filter(Boolean);
    const hint = page?.marks.words ? "hint_words" : one.waterfall || page?.codes || page?.players.length ? "hint_reasons" : "hint";
    return parts.length ? block("section", { class: "case-part" }, block("h4", {}, phrase("part")), block("p", { class: "case-by" }, phrase(hint), " ", phrase("offline")), parts) : null;
  };

  /* The list of all marks, and the file. */
  const state = element("p", { role: "status" }), items = element("ol"), file = element("pre", { tabindex: "0" });
  const by = element("input", { autocomplete: "name", maxlength: "200" });
  const keep = element("button", { type: "button", class: "mark-save" }, phrase("save"));
  const clear = element("button", { type: "button", class: "mark-clear" }, phrase("clear")), how = element("p", { class: "case-by" });
  const panel = block("section", { class: "case-marks", tabindex: "-1", "aria-labelledby": "case-marks-title", hidden: "" },
    block("h3", { id: "case-marks-title" }, phrase("title")), items, block("div", { class: "mark-by" }, field(phrase("by"), by)), block("div", { class: "mark-tools" }, keep, clear), how, state,
    block("details", { class: "case-fold" }, block("summary", {}, phrase("show")), file));
  const count = element("span", { role: "status" }), review = element("button", { type: "button" }, phrase("review"));
  const bar = block("div", { class: "marks-bar", hidden: "" }, count, review);
  review.addEventListener("click", () => { panel.scrollIntoView(); panel.focus(); });
  browser.after(panel);

  const inYaml = (value) => isText(value) ? quoted(value) : Array.isArray(value) ? `[${value.join(", ")}]` : String(value);
  const entry = ({ fields, why }) => `  - {${Object.entries({ ...fields, why: why.trim() }).map(([key, value]) => `${key}: ${inYaml(value)}`).join(", ")}}`;
  const yaml = () => [
    `# ${phrase("file_head", { run: shared.run })}`,
    "deepseek_report_marks: 1", `run: ${quoted(shared.run)}`, `by: ${quoted(by.value.trim())}`, `"on": ${quoted(today())}`, "marks:", ...[...marks.values()].map(entry),
  ].join("\n") + "\n";
  const note = () => {
    panel.dataset.by = by.value.trim() && phrase("told_by", { name: by.value.trim() });
    file.textContent = yaml();
    how.textContent = phrase(kept.works ? "kept" : "not_kept");
    state.textContent = "";
  };
  function list() {
    const hadFocus = items.contains(document.activeElement);
    panel.hidden = bar.hidden = marks.size === 0;
    count.textContent = marks.size === 1 ? phrase("count_one") : phrase("count", { n: numbers.number(marks.size, 0) });
    items.replaceChildren(...[...marks].map(([key, mark]) => {
      const why = element("input", { maxlength: "1000" }), undo = element("button", { type: "button", "aria-label": phrase("undo_of", { mark: mark.what }) }, phrase("undo"));
      const item = block("li", { "data-why": mark.why }, block("p", {}, block("strong", {}, mark.what), " ", mark.means), block("div", { class: "mark-row" }, field(phrase("why"), why), undo));
      why.value = mark.why;
      why.addEventListener("input", () => { mark.why = item.dataset.why = why.value; saved = false; keepMarks(); note(); });
      undo.addEventListener("click", () => set(key, null));
      return item;
    }));
    if (hadFocus) (items.querySelector("button") ?? browser.querySelector(".case-page")).focus();
    note();
  }
  by.addEventListener("input", () => { keepMarks(); note(); });
  clear.addEventListener("click", () => {
    if (!confirm(phrase("clear_sure"))) return;
    marks.clear();
    by.value = "";
    keepMarks();
    showAll();
    browser.querySelector(".case-page")?.focus();
  });
  keep.addEventListener("click", () => {
    const lacking = [...items.querySelectorAll("input"), by].find((control) => !control.value.trim());
    state.classList.toggle("is-lacking", Boolean(lacking));
    if (lacking) { state.textContent = phrase(lacking === by ? "lacks_name" : "lacks_why"); lacking.focus(); return; }
    const name = `${["marks", yamlFile.slug(by.value).slice(0, 40), today()].filter(Boolean).join("-")}.yaml`;
    yamlFile.save(name, yaml());
    saved = true;
    const code = (command) => element("code", {}, command.replace("{file}", name));
    state.replaceChildren(phrase("saved", { file: name }), " ", ...shared.use.map(([text, command]) => block("span", {}, text, " ", code(command), " ")));
  });
  addEventListener("beforeunload", (event) => { if (!kept.works && !saved && marks.size) event.preventDefault(); });
  const bring = () => { const { name, made } = before(); marks.clear(); made.forEach(([key, mark]) => marks.set(key, mark)); by.value = name; showAll(); };
  kept.heard("marks", bring);
  bring();
  return { flag, rule, text, part, bar };
};

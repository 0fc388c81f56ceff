/* The browser of cases: a list with filters, and one case at a time from one template. The page holds
   a short table of the cases for readers without scripts, and for paper. */
(() => {
  "use strict";
  const browser = document.querySelector(".case-browser"), packed = document.getElementById("cases");
  if (!browser || !packed || !("DecompressionStream" in window)) return;
  const { element, block, unpack, numbers, noteScrolling, reveal } = reportPage;
  const phrase = (name, slots = {}) => reportPage.phrase(`cases.${name}`, slots);
  const SVG = "http://www.w3.org/2000/svg";
  const drawn = (name, attributes) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const { number, percent } = numbers;
  const plain = (value) => number(value, Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 1 ? 2 : 3);
  /* Decimals that leave three digits of a size. */
  const decimals = (size) => size >= 100 ? 0 : size >= 10 ? 1 : 2;
  const measured = (value) => number(value, decimals(Math.abs(value)));
  const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const same = (a, b) => a === b || Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));

  const start = (data) => {
    numbers.group = data.group;
    const marks = reportMarks(data, browser);
    const many = data.classes.length > 2;
    const pageOf = (at) => data.pages[at] ?? null;
    const stated = (value) => data.number ? `${measured(value)}${data.unit ? `\u00a0${data.unit}` : ""}` : percent(value);

    /* Filters ------------------------------------------------------------------------------------ */
    const bands = data.number ? [] : [
      ...(data.threshold === null ? [] : [[phrase("near_threshold"), (one) => Math.abs(one.probability - data.threshold) <= 0.05]]),
      ...[0, 20, 40, 60, 80].map((low) => [`${percent(low / 100)}\u2013${percent(low / 100 + 0.2)}`.replace(/([.,]0)/g, ""), (one) => one.probability >= low / 100 && (one.probability < low / 100 + 0.2 || low === 80)]),
    ];
    const outcomes = data.number
      ? [[phrase("too_high"), (one) => one.error > 0], [phrase("too_low"), (one) => one.error < 0]]
      : [[phrase("wrong"), (one) => one.right === false], [phrase("right"), (one) => one.right]];
    const decisions = data.number ? [] : data.classes.map((name, at) => [data.favourable === at ? phrase("favourable", { decision: name }) : name, (one) => one.decided === at]);
    const groups = data.groups.flatMap((group, at) => group.levels.map((level, code) => [`${group.label}: ${level}`, (one) => one.groups[at] === code]));
    const shown = [[phrase("with_page"), (one) => one.page]];
    data.cases.forEach((one, at) => { one.at = at; one.page = at < data.pages.length; });
    const filters = [["outcome", outcomes], ["decision", decisions], ["group", groups], ["band", bands], ["page", shown.filter(() => data.pages.length < data.cases.length)]]
      .filter(([, choices]) => choices.length > 0 && choices.some(([, fits]) => data.cases.some(fits)))
      .map(([name, choices]) => {
        const select = element("select", {});
        [phrase("all"), ...choices.map(([label]) => label)].forEach((label, at) => select.append(block("option", { value: String(at) }, label)));
        select.addEventListener("change", () => list(true));
        return { name, select, choices, label: block("label", {}, block("span", {}, phrase(`filter_${name}`)), select) };
      });
    /* A case that is looked up by its row, or by words of its text, is found whatever the filters say. */
    const find = element("input", { type: "search", autocomplete: "off" });
    find.addEventListener("input", () => list(true));
    const wanted = () => find.value.trim().toLowerCase();
    const isFound = (one) => /^[\d\s]+$/.test(wanted()) && one.name.replace(/\D/g, "").startsWith(wanted().replace(/\s/g, "")) || (one.glance?.text ?? "").toLowerCase().includes(wanted());
    const passes = (one) => wanted() ? isFound(one) : filters.every(({ select, choices }) => select.value === "0" || choices[select.value - 1][1](one));
    const preset = (name, at) => { const filter = filters.find((one) => one.name === name); if (filter) filter.select.value = String(at); };
    const unfavourable = data.favourable === null ? -1 : data.classes.findIndex((_, at) => at !== data.favourable);
    if (!data.number && data.cases.some((one) => one.right === false)) {
      preset("outcome", 1);
      if (!many && unfavourable >= 0 && data.cases.some((one) => one.right === false && one.decided === unfavourable)) preset("decision", unfavourable + 1);
    }

    /* The list: one stop of the tab key, and arrows inside ------------------------------------------ */
    const count = element("p", { class: "case-count", role: "status" });
    const box = element("ul", { role: "listbox", tabindex: "0", class: "case-items", "aria-label": phrase("list") });
    const article = element("article", { class: "case-page", tabindex: "-1" });
    let current = null, listed = [];
    const option = (one) => block("li", { role: "option", id: `case-item-${one.at}`, "aria-selected": "false" },
      glance(one.glance, true),
      block("span", { class: "case-item-text" },
        block("span", { class: "case-name" }, one.glance?.text || sentence(one.name)), " ",
        block("span", { class: "case-stated" }, stated(one.probability)), " ",
        block("span", { class: `case-outcome ${data.number || one.truth === "" ? "" : one.right ? "is-right" : "is-wrong"}` }, data.number ? one.error < 0 ? phrase("off_low", { number: measured(-one.error) }) : phrase("off_high", { number: measured(one.error) }) : one.truth === "" ? one.decision : one.right ? phrase("item_right", { decision: one.decision }) : phrase("item_wrong", { decision: one.decision, truth: one.truth })),
        one.alike ? block("span", { class: "case-luck" }, ` ${phrase("item_luck", { alike: number(one.alike[0], 0), fits: number(one.alike[1], 0) })}`) : null));
    const list = (moved) => {
      listed = data.cases.filter(passes);
      count.textContent = phrase("count", { shown: number(listed.length, 0), all: number(data.cases.length, 0) });
      box.replaceChildren(...listed.map(option));
      [...box.children].forEach((item, at) => item.addEventListener("click", () => { select(listed[at], true); }));
      if (!listed.includes(current)) select(listed[0] ?? null, false);
      else mark(false);
      if (moved) box.scrollTop = 0;
    };
    const mark = (follow) => {
      [...box.children].forEach((item) => item.setAttribute("aria-selected", String(current !== null && item.id === `case-item-${current.at}`)));
      const item = current && document.getElementById(`case-item-${current.at}`);
      if (!item) { box.removeAttribute("aria-activedescendant"); return; }
      box.setAttribute("aria-activedescendant", item.id);
      if (follow) { const low = item.offsetTop, high = low + item.offsetHeight; if (low < box.scrollTop) box.scrollTop = low; else if (high > box.scrollTop + box.clientHeight) box.scrollTop = high - box.clientHeight; }
    };
    const select = (one, chosen) => {
      current = one;
      show(one);
      mark(true);
      if (chosen && one) history.replaceState(null, "", `#case-${one.id}`);
    };
    box.addEventListener("keydown", (event) => {
      const at = listed.indexOf(current), last = listed.length - 1;
      const to = { ArrowDown: Math.min(at + 1, last), ArrowRight: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), ArrowLeft: Math.max(at - 1, 0), PageDown: Math.min(at + 10, last), PageUp: Math.max(at - 10, 0), Home: 0, End: last }[event.key];
      if (event.key === "Enter" && current) { article.focus(); return; }
      if (to === undefined || last < 0) return;
      event.preventDefault();
      select(listed[to], true);
    });

    /* Small pictures of whole inputs ----------------------------------------------------------------- */
    const glance = (small, inList, before) => {
      if (!small) return null;
      if (small.pixels) {
        const bytes = Uint8Array.from(atob(small.pixels), (c) => c.charCodeAt(0)), step = small.grey ? 1 : 3;
        const height = bytes.length / step / small.width;
        const canvas = element("canvas", { width: small.width, height, class: "case-thumb", "aria-hidden": "true" });
        const context = canvas.getContext("2d"), image = context.createImageData(small.width, height);
        for (let at = 0; at < bytes.length / step; at++) for (let channel = 0; channel < 4; channel++) image.data[4 * at + channel] = channel === 3 ? 255 : bytes[at * step + (small.grey ? 0 : channel)];
        context.putImageData(image, 0, 0);
        return canvas;
      }
      if (small.course) {
        const line = drawn("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", class: "case-thumb", "aria-hidden": "true" });
        const course = (levels, style) => drawn("polyline", { points: levels.map((level, at) => level === null ? null : `${(100 * at / Math.max(levels.length - 1, 1)).toFixed(1)},${100 - level}`).filter(Boolean).join(" "), fill: "none", "vector-effect": "non-scaling-stroke", ...style });
        if (before?.course) line.append(course(before.course, { "stroke-opacity": ".4", "stroke-dasharray": "2 2" }));
        line.append(course(small.course, {}));
        return line;
      }
      return inList ? null : block("p", { class: "case-text" }, small.text);
    };

    /* The input without what carries its decision: the words that would go struck out, or drawn. */
    const changedInput = (changed, small) => !changed ? null : changed.glance ? glance(changed.glance, false, small)
      : block("p", { class: "case-text" }, ...changed.marks.map(([text, gone]) => gone ? block("del", {}, text) : text));

    /* The page of a case ----------------------------------------------------------------------------- */
    const borrowed = [];
    const giveBack = () => { for (const { figure, home } of borrowed.splice(0)) home.replaceWith(figure); };
    const borrow = (name) => {
      const figure = document.getElementById(`fig-${name.toLowerCase().replace(/[^a-z0-9]+/g, "-")}`);
      if (!figure) return null;
      const home = document.createComment("figure");
      figure.replaceWith(home);
      borrowed.push({ figure, home });
      return figure;
    };
    const part = (title, ...children) => { const kept = children.flat().filter(Boolean); return kept.length ? block("section", { class: "case-part" }, block("h4", {}, title), kept) : null; };
    const fold = (title, ...children) => block("details", { class: "case-fold" }, block("summary", {}, title), children);
    const bullets = (items) => items.length ? block("ul", {}, items.map((item) => block("li", {}, item))) : null;
    const paragraph = (text) => text ? block("p", {}, text) : null;
    const table = (heads, rows, label, kind) => block("div", { class: `table-scroll ${kind}` }, block("table", { "aria-label": label },
      block("thead", {}, block("tr", {}, heads.map((head) => block("th", { scope: "col" }, head)))),
      block("tbody", {}, rows.map((row) => block("tr", {}, row.map((cell, at) => block(at ? "td" : "th", at ? { "data-head": heads[at] } : { scope: "row" }, cell)))))));

    const gauge = (one) => {
      if (data.number || data.threshold === null) return null;
      const strip = drawn("svg", { viewBox: "0 0 1000 40", preserveAspectRatio: "none", class: "case-gauge", role: "img", "aria-label": phrase("gauge", { stated: percent(one.probability), threshold: percent(data.threshold) }) });
      strip.append(
        drawn("rect", { x: 0, y: 14, width: 1000, height: 12, class: "track" }),
        drawn("rect", { x: 1000 * Math.min(one.probability, data.threshold), y: 14, width: 1000 * Math.abs(one.probability - data.threshold), height: 12, class: one.probability >= data.threshold ? "raises" : "lowers" }),
        drawn("line", { x1: 1000 * data.threshold, x2: 1000 * data.threshold, y1: 2, y2: 38, class: "threshold" }),
        drawn("line", { x1: 1000 * one.probability, x2: 1000 * one.probability, y1: 8, y2: 32, class: `stated ${one.probability >= data.threshold ? "raised" : "lowered"}` }));
      /* The label stands within the line, however near to an end the threshold lies. */
      const at = 100 * data.threshold;
      return block("div", { class: "case-gauge-box" },
        block("div", { class: "case-scale", "aria-hidden": "true" }, block("span", { class: "case-mark", style: `left: ${at}%; transform: translateX(-${at}%)` }, phrase("threshold", { threshold: percent(data.threshold) }))),
        strip,
        block("div", { class: "case-scale", "aria-hidden": "true" }, block("span", {}, "0"), block("span", {}, percent(1).replace(/[.,]0/, ""))));
    };

    /* The class that the bars are about: the one decided (null), or another, by position. Of two
       classes the other's bars are those of the first with the sign turned. */
    let about = null;
    const other = (output) => output === null ? null : data.method.space === "logit" ? -output : 1 - output;
    const told = (output) => output === null ? "" : percent(data.method.space === "logit" ? 1 / (1 + Math.exp(-output)) : output);
    const turned = (steps, at) => steps && { about: data.classes[at], base: other(steps.base), base_text: told(other(steps.base)), end: other(steps.end), end_text: told(other(steps.end)), bars: steps.bars.map(([name, beside, value, player]) => [name, beside, -value, player]), rest: [steps.rest[0], -steps.rest[1]], gap: -steps.gap };
    const toward = (one, at) => at === null || at === one.decided ? one.waterfall : many ? one.toward?.[at] : turned(one.waterfall, at);
    const others = (one) => data.number || !one.waterfall || data.method.space === "none" ? [] : data.classes.map((_, at) => at).filter((at) => at !== one.decided && toward(one, at));
    /* One scale for all cases, so that a small reason looks small. */
    const scaled = (all) => {
      const ends = all.flatMap((steps) => {
        if (!steps) return [];
        let at = steps.base ?? 0;
        return [at, steps.base === null ? 0 : steps.end, ...[...steps.bars.map((bar) => bar[2]), steps.rest[1]].map((value) => at += value)];
      });
      const least = ends.reduce((a, b) => Math.min(a, b), 0);
      return [least, ends.reduce((a, b) => Math.max(a, b), least + 1e-9)];
    };
    let [low, high] = scaled(data.cases.map(({ waterfall }) => waterfall));
    const rescale = () => { [low, high] = scaled(data.cases.flatMap((one) => about === null ? [one.waterfall] : [one.waterfall, ...others(one).map((at) => toward(one, at))])); };
    const place = (value) => 1000 * (value - low) / (high - low);
    const most = Math.max(0, ...data.cases.flatMap(({ waterfall }) => waterfall ? waterfall.bars.map((bar) => Math.abs(bar[2])) : []));
    const amount = (value) => data.method.space === "probability" ? number(100 * value, 1, true) : number(value, data.method.space === "value" ? decimals(most) : 2, true);
    const bar = (from, to) => {
      const strip = drawn("svg", { viewBox: "0 0 1000 20", preserveAspectRatio: "none", class: "case-bar", "aria-hidden": "true" });
      strip.append(drawn("rect", { x: Math.min(place(from), place(to)), y: 3, width: Math.max(Math.abs(place(to) - place(from)), 3), height: 14, class: to >= from ? "raises" : "lowers" }));
      return strip;
    };
    const level = (value) => {
      const strip = drawn("svg", { viewBox: "0 0 1000 20", preserveAspectRatio: "none", class: "case-bar", "aria-hidden": "true" });
      strip.append(drawn("line", { x1: place(value), x2: place(value), y1: 0, y2: 20, class: "level" }));
      return strip;
    };
    /* Where the method is not shown to give reasons, that stands before what it says. */
    const doubt = () => !data.method || data.method.trusted ? null : block("p", { class: "case-warning" }, sentence(phrase("not_trusted", { method: data.method.label })));
    /* Switches the class that the bars are about, here and in the tabs of the explanations. */
    const chooser = (one, choices) => {
      const select = element("select", {});
      [one.decided, ...choices].forEach((at) => select.append(block("option", { value: String(at) }, at === one.decided ? phrase("class_decided", { name: data.classes[at] }) : data.classes[at])));
      select.value = String(about !== null && choices.includes(about) ? about : one.decided);
      select.addEventListener("change", () => {
        const chosen = Number(select.value);
        turnTo(chosen === one.decided ? null : chosen);
        reportPage.showTab("explained-class", data.classes[chosen]);
        article.querySelector(".case-toward select")?.focus();
      });
      return block("label", { class: "case-toward" }, block("span", {}, phrase("toward")), " ", select);
    };
    const turnTo = (at) => { about = at; rescale(); show(current); };
    document.addEventListener("tabs-explained-class", ({ detail }) => { const at = data.classes.indexOf(detail); if (at >= 0) turnTo(current && current.decided === at ? null : at); });
    const waterfall = (one, page) => {
      if (!one.waterfall) return null;
      const steps = toward(one, about) ?? one.waterfall, choices = others(one);
      let at = steps.base ?? 0;
      const row = (name, beside, value, player) => { const from = at; at += value; return [block("span", { class: "case-step" }, block("span", {}, name, beside ? block("span", { class: "case-value" }, ` ${beside}`) : null), player === undefined ? null : marks.flag(one, player)), bar(from, at), amount(value)]; };
      const rows = [
        ...(steps.base === null ? [] : [[phrase("start"), level(steps.base), steps.base_text]]),
        ...steps.bars.map((step) => row(...step)),
        ...(steps.rest[0] ? [row(phrase("others", { n: number(steps.rest[0], 0) }), "", steps.rest[1])] : []),
        ...(Math.abs(steps.gap) > (data.method.space === "probability" ? 0.005 : 0.05) ? [row(phrase("unaccounted"), "", steps.gap)] : []),
        ...(steps.base === null ? [] : [[phrase("end", { about: steps.about }), level(steps.end), steps.end_text]]),
      ];
      const unit = phrase(`unit_${data.method.space}`, { about: steps.about, unit: data.unit });
      return part(phrase("waterfall", { about: steps.about }),
        page && (page.codes || page.reasons.length) ? null : doubt(),
        choices.length ? chooser(one, choices) : null,
        about !== null && !toward(one, about) ? paragraph(phrase("not_toward", { name: data.classes[about] })) : null,
        table([data.noun, phrase("adds"), unit], rows, phrase("waterfall", { about: steps.about }), steps.base === null ? "waterfall" : "waterfall whole"));
    };

    /* The way through the model: steps from nothing to the output, on a scale of the case's own. */
    const way = (page) => {
      const told = page.way;
      if (!told) return null;
      let at = 0;
      const levels = [0, ...told.steps.map(([, , value]) => at += value)];
      const [least, most] = [Math.min(...levels), Math.max(...levels)];
      const x = (value) => 1000 * (value - least) / (most - least || 1);
      const starts = new Map(told.layers);
      const rows = told.steps.flatMap(([name, weight, value], position) => {
        const strip = drawn("svg", { viewBox: "0 0 1000 20", preserveAspectRatio: "none", class: "case-bar", "aria-hidden": "true" });
        const [from, to] = [levels[position], levels[position + 1]];
        strip.append(drawn("line", { x1: x(0), x2: x(0), y1: 0, y2: 20, class: "zero" }), drawn("rect", { x: x(Math.min(from, to)), y: 3, width: Math.max(x(Math.max(from, to)) - x(Math.min(from, to)), 3), height: 14, class: to >= from ? "raises" : "lowers" }));
        const label = block("span", {}, starts.has(position) ? block("span", { class: "way-layer" }, starts.get(position)) : null, name, weight ? block("span", { class: "case-value" }, phrase("weight", { weight })) : null);
        return [[label, strip, number(value, 2, true)]];
      });
      rows.push([phrase("output"), "", number(at, 2, true)]);
      return fold(phrase("way"), paragraph(told.head), table([phrase("part"), phrase("adds"), phrase("added")], rows, phrase("way"), "waterfall way"), told.path.length ? [paragraph(told.path_head), block("ol", {}, told.path.map((step) => block("li", {}, step)))] : []);
    };
    /* Reasons, each with the button that marks it as wrong. */
    const marked = (one, items, players) => bullets(items.map((item, at) => [item, (players?.[at] ?? []).map((player) => [" ", marks.flag(one, player, players[at].length > 1)])]));
    const reasons = (one, page) => {
      if (!data.method) return data.no_reasons ? block("p", { class: "case-warning" }, phrase("no_reasons")) : null;
      if (page.codes) return part(phrase("codes"), doubt(), block("p", { class: "case-by" }, sentence(page.codes.by.replace(/^, /, ""))), marked(one, page.codes.items, page.codes.players));
      if (!page.reasons.length) return null;
      return part(phrase("reasons"), doubt(), block("p", { class: "case-by" }, phrase("reasons_by", { method: page.reasons_by, start: page.start ? `, ${page.start}` : "" })), marked(one, page.reasons, page.players));
    };
    const like = (page) => {
      if (!page.like) return null;
      const { heads, rows, text, glances, words: texts } = page.like;
      const pictures = glances.map((small) => glance(small, true));
      const first = pictures.some(Boolean) ? [["", "", ...pictures]] : texts.some(Boolean) ? [[phrase("text"), "", ...texts]] : [];
      return part(phrase("like"), paragraph(text), table(["", ...heads], [...first, ...rows.map((row) => row.map((cell) => cell.replaceAll("\u00a0", " ")))], phrase("like"), texts.some(Boolean) ? "alike in-words" : "alike"));
    };
    const pairOf = (page) => {
      if (!page.pair) return null;
      const other = data.pages.findIndex((candidate) => candidate.number === page.pair.number);
      const button = block("button", { type: "button", class: "case-jump" }, phrase("see_other"));
      button.addEventListener("click", () => { jump(data.cases[other]); article.focus(); });
      return block("p", { class: "case-pair" }, page.pair.text, " ", other < 0 ? null : button);
    };
    const jump = (one) => { if (!listed.includes(one)) { filters.forEach(({ select: choice }) => { choice.value = "0"; }); list(true); } select(one, true); };

    /* A row without a page: its reasons where it was decided against the person, else how to explain it. */
    const refusedRow = () => {
      const id = wanted().replace(/\s/g, ""), row = data.refused?.rows[id];
      if (!/^\d+$/.test(id)) return [paragraph(phrase("none"))];
      if (!row) return [paragraph(phrase("none")), paragraph(phrase("elsewhere"))];
      const [probability, certain, rough, reasons, decides] = row;
      return [
        paragraph(phrase("refused_row", { case: data.numbered, row: number(Number(id), 0), stated: stated(probability) })),
        decides ? block("p", { class: "case-warning" }, phrase("refused_decides", { decides })) : null,
        paragraph(phrase("refused_against")),
        reasons.length ? bullets(reasons.map((at) => sentence(data.refused.labels[at]))) : paragraph(phrase("refused_none")),
        certain < reasons.length ? paragraph(phrase("refused_certain", { n: number(certain, 0) })) : null,
        paragraph(`${rough ? `${phrase("refused_rough")} ` : ""}${phrase("elsewhere")}`),
      ].filter(Boolean);
    };

    const show = (one) => {
      giveBack();
      article.removeAttribute("id");
      if (!one) { article.replaceChildren(...refusedRow()); return; }
      article.id = `case-${one.id}`;
      const page = pageOf(one.at), title = block("h3", { id: "case-title" }, sentence(one.name));
      article.setAttribute("aria-labelledby", "case-title");
      const pictures = page ? page.pictures.filter((name) => !name.startsWith("case_contributions")).map(borrow).filter(Boolean) : [];
      const drawn = pictures.length > 0 && one.glance && !one.glance.text;
      /* An image as its picture shows it first, else small. */
      const picture = () => { const href = pictures.flatMap((figure) => [...figure.querySelectorAll("image")])[0]?.href.baseVal; return href ? element("img", { src: href, alt: "" }) : one.glance?.pixels ? glance(one.glance, false) : null; };
      const at = listed.indexOf(one);
      const step = (label, to) => { const button = block("button", { type: "button" }, label); button.disabled = !listed[to]; button.addEventListener("click", () => { select(listed[to], true); }); return button; };
      article.replaceChildren(...[
        block("div", { class: "case-head" }, title, block("div", { class: "case-steps" }, step(phrase("previous"), at - 1), step(phrase("next"), at + 1))),
        page ? block("p", { class: "case-role" }, page.title) : null,
        /* The answer first: what was decided, why, and what would change it. */
        paragraph(page ? page.summary : one.summary),
        gauge(one),
        /* Reasons name the regions of an image and the spans of a series by their numbers in the picture. */
        drawn ? part(phrase("input"), pictures) : marks.text(one, page) ?? glance(page?.text ? { text: page.text } : one.glance, false),
        page?.decides ? block("p", { class: "case-warning" }, page.decides) : null,
        page ? reasons(one, page) : null,
        page?.change ? part(phrase("change"), paragraph(page.change), page.other_ways.length ? bullets(page.other_ways) : null, changedInput(page.changed, one.glance)) : null,
        page?.fired ? part(phrase("fired"), paragraph(page.fired.head), bullets(page.fired.items.map((rule) => [rule.text, " ", marks.rule(rule.number, rule.when)]))) : null,
        page?.rule ? part(phrase("rule"), paragraph(page.rule)) : null,
        page?.what_if ? whatIf(one, page) : null,
        pictures.length && !drawn ? part(phrase("input"), pictures) : null,
        page ? pairOf(page) : null,
        part(phrase("how_sure"), paragraph(page ? page.sure : one.sure), page?.codes ? paragraph(page.codes.limits) : null),
        page?.contrasts ? part(page.contrasts.head, bullets(page.contrasts.items)) : null,
        waterfall(one, page),
        marks.part(one, page, picture),
        page && page.inputs.length ? fold(phrase("input_fold", { n: number(page.inputs.length, 0) }), table([data.noun, phrase("this_case"), phrase("typical")], page.inputs, phrase("input"), "inputs")) : null,
        page ? like(page) : null,
        page ? way(page) : null,
        page?.pushed ? fold(phrase("pushed"), paragraph(page.pushed.text), ...page.pushed.sides.flatMap(([head, items]) => [paragraph(head), bullets(items)])) : null,
        page && (page.compared || page.agreement || page.errors.length) ? fold(phrase("more"), paragraph(page.compared), paragraph(page.agreement), page.errors.length ? [paragraph(phrase("errors")), bullets(page.errors)] : []) : null,
        page ? null : block("p", { class: "case-by" }, phrase("compact")),
      ].filter(Boolean));
      noteScrolling(article);
    };

    /* What if: the answers that the model gave, read at the stored points and along straight lines
       between them. An answer is { output, exact }, or null where the model was not asked. ------------ */
    const logit = (share) => Math.log(share / (1 - share));
    const mixed = (a, b, share) => a.map((value, at) => value + share * (b[at] - value));
    const along = (stops, value) => {
      const exact = stops.find((stop) => same(stop.value, value));
      if (exact) return { output: exact.output, exact: true };
      const after = stops.findIndex((stop) => stop.value > value);
      if (after < 1) return null;
      const [a, b] = [stops[after - 1], stops[after]];
      return { output: mixed(a.output, b.output, (value - a.value) / (b.value - a.value)), exact: false };
    };
    const reader = (answers) => {
      const features = data.what_if.features;
      const stops = features.map((feature, at) => {
        const known = feature.points.map((value, point) => ({ value, text: feature.texts[point], output: answers.alone[at][point], rows: feature.support[point] })).filter((stop) => !stop.output.includes(null));
        const own = answers.own[at];
        if (own === null || known.some((stop) => same(stop.value, own))) return known;
        return [...known, { value: own, text: answers.own_texts[at], output: answers.start, own: true }].sort((a, b) => a.value - b.value);
      });
      const moved = (values) => values.flatMap((value, at) => value === answers.own[at] || (value !== null && answers.own[at] !== null && same(value, answers.own[at])) ? [] : [at]);
      const one = (at, value) => along(stops[at], value);
      const two = (first, second, values) => {
        const pair = answers.pairs.find(([a, b]) => a === first && b === second);
        if (!pair) return null;
        const axis = (at, own) => [...features[at].grid.map((value, row) => ({ value, row })).filter(({ value }) => own === null || !same(value, own)), ...(own === null ? [] : [{ value: own, row: -1 }])].sort((a, b) => a.value - b.value);
        const rows = axis(first, answers.own[first]), columns = axis(second, answers.own[second]);
        const asked = (at, value) => one(at, value)?.output ?? [null];
        const cell = (row, column) => row.row < 0 && column.row < 0 ? answers.start : row.row < 0 ? asked(second, column.value) : column.row < 0 ? asked(first, row.value) : pair[2][row.row][column.row];
        const lines = rows.map((row) => ({ value: row.value, answer: along(columns.map((column) => ({ value: column.value, output: cell(row, column) })), values[second]) }));
        if (lines.some(({ answer }) => !answer || answer.output.includes(null))) return null;
        const whole = along(lines.map(({ value, answer }) => ({ value, output: answer.output })), values[first]);
        return whole && { output: whole.output, exact: whole.exact && lines[0].answer.exact };
      };
      const summed = (changed, values) => {
        if (!data.what_if.adds_up || many) return null;
        const terms = changed.map((at) => one(at, values[at]));
        if (terms.some((term) => !term)) return null;
        const [to, back] = data.number ? [(x) => x, (x) => x] : [logit, (x) => 1 / (1 + Math.exp(-x))];
        const total = terms.reduce((sum, term) => sum + to(term.output[0]) - to(answers.start[0]), to(answers.start[0]));
        return { output: [back(total)], exact: terms.every((term) => term.exact) };
      };
      const read = (values) => {
        const changed = moved(values), known = answers.change;
        if (!changed.length) return { output: answers.start, exact: true };
        if (known && !many && known.set.length === changed.length && known.set.every(([at, value]) => same(values[at], value))) return { output: known.output, exact: true };
        if (changed.length === 1) return one(changed[0], values[changed[0]]);
        return summed(changed, values) ?? (changed.length === 2 ? two(changed[0], changed[1], values) : null);
      };
      return { stops, read, moved };
    };
    const decisionOf = (output) => data.classes[output.length > 1 ? output.indexOf(Math.max(...output)) : output[0] >= data.threshold ? data.explained : 1 - data.explained];
    const written = (output) => data.number ? stated(output[0]) : output.length > 1 ? phrase("answer_many", { stated: percent(Math.max(...output)), decision: decisionOf(output) }) : phrase("answer", { stated: percent(output[0]), target: data.classes[data.explained], decision: decisionOf(output) });
    const whatIf = (one, page) => {
      const details = fold(phrase("what_if"));
      details.classList.add("what-if");
      details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(...explorer(one, page.what_if)); });
      return details;
    };
    const explorer = (one, answers) => {
      const features = data.what_if.features, { stops, read, moved } = reader(answers);
      const values = [...answers.own];
      const answer = element("p", { class: "what-if-answer", role: "status" });
      const numeric = (feature, at) => Math.abs(feature) >= 1000 ? number(Math.round(feature), 0) : plain(feature);
      /* Set values that fewer than one real row in a hundred has; between two stops, that of the rarer one. */
      const rare = (changed) => changed.flatMap((at) => {
        const known = stops[at].filter(({ rows }) => rows !== undefined && rows !== null), value = values[at];
        const after = known.findIndex((stop) => stop.value >= value || same(stop.value, value));
        if (value === null || after < 0) return [];
        const near = same(known[after].value, value) || after === 0 ? [known[after]] : [known[after - 1], known[after]];
        const least = near.reduce((a, b) => b.rows < a.rows ? b : a);
        return least.rows < 0.01 * data.what_if.real ? [phrase("rare_value", { label: features[at].label, value: least.text, rows: number(least.rows, 0), all: number(data.what_if.real, 0) })] : [];
      });
      const setValues = () => moved(values).map((at) => [at, values[at]]);
      /* Beside a server the model itself answers what is not stored. */
      const live = typeof reportLive === "undefined" ? null : reportLive.newest("what-if", ({ output }, { set }) => { if (JSON.stringify(set) === JSON.stringify(setValues())) show({ output, exact: true }, moved(values)); }, (problem) => answer.replaceChildren(problem.message));
      const tell = () => {
        const found = read(values), changed = moved(values);
        controls.forEach(({ row }, at) => row.classList.toggle("is-set", changed.includes(at)));
        if (!changed.length) { answer.replaceChildren(phrase("as_it_is"), " ", block("strong", {}, written(answers.start))); return; }
        if (live && !found?.exact) { answer.replaceChildren(phrase("asking")); live({ row: one.id, set: setValues() }); return; }
        if (!found) { answer.replaceChildren(phrase("not_asked")); return; }
        show(found, changed);
      };
      const show = (found, changed) => {
        answer.replaceChildren(block("strong", {}, written(found.output)), " ", found.exact ? phrase("asked") : phrase("between"), " ", phrase("before", { answer: written(answers.start) }));
        const few = rare(changed);
        if (few.length) answer.append(" ", block("strong", { class: "what-if-rare" }, phrase("rare", { values: few.join("; ") })));
      };
      const controls = features.map((feature, at) => {
        const id = `what-if-${one.at}-${at}`, known = stops[at];
        let control, shown = null, reset;
        if (feature.numeric && known.length > 1 && answers.own[at] !== null) {
          const places = known.flatMap((stop, step) => step ? [(known[step - 1].value + stop.value) / 2, stop.value] : [stop.value]);
          const text = (place) => place % 2 ? `${feature.unit[0]}${numeric(places[place])}${feature.unit[1]}` : known[place / 2].text;
          const home = 2 * known.findIndex((stop) => same(stop.value, answers.own[at]));
          control = element("input", { type: "range", id, min: "0", max: String(places.length - 1), step: "1", value: String(home) });
          shown = element("output", { for: id });
          const set = () => {
            const place = Number(control.value);
            values[at] = place === home ? answers.own[at] : places[place];
            const words = `${text(place)}${place % 2 ? ` (${phrase("between_short")})` : ""}`;
            shown.textContent = words;
            control.setAttribute("aria-valuetext", words);
          };
          control.addEventListener("input", () => { set(); tell(); });
          reset = () => { control.value = String(home); set(); };
          control.place = (value) => { values[at] = value; shown.textContent = `${feature.unit[0]}${numeric(value)}${feature.unit[1]}`; const near = places.reduce((best, candidate, place) => Math.abs(candidate - value) < Math.abs(places[best] - value) ? place : best, 0); control.value = String(near); control.setAttribute("aria-valuetext", shown.textContent); };
          set();
        } else {
          const own = answers.own[at] === null ? [{ value: null, text: answers.own_texts[at] }] : [];
          const choices = [...own, ...known];
          const home = Math.max(choices.findIndex((stop) => stop.value === answers.own[at] || (stop.value !== null && answers.own[at] !== null && same(stop.value, answers.own[at]))), 0);
          control = block("select", { id }, choices.map((stop, place) => block("option", { value: String(place) }, stop.text)));
          control.value = String(home);
          control.addEventListener("change", () => { values[at] = Number(control.value) === home ? answers.own[at] : choices[control.value].value; tell(); });
          reset = () => { control.value = String(home); values[at] = answers.own[at]; };
          control.place = (value) => { const place = choices.findIndex((stop) => stop.value !== null && same(stop.value, value)); if (place >= 0) control.value = String(place); values[at] = value; };
        }
        return { moves: feature.moves, control, reset, row: block("div", { class: "what-if-row" }, block("label", { for: id }, feature.label), control, shown) };
      });
      const button = (label, act) => { const made = block("button", { type: "button" }, label); made.addEventListener("click", () => { act(); tell(); }); return made; };
      const back = () => controls.forEach(({ reset }) => reset());
      const others = controls.filter(({ moves }) => !moves), movable = controls.filter(({ moves }) => moves);
      tell();
      return [
        answer,
        block("div", { class: "what-if-tools" },
          answers.change ? button(phrase("set_change"), () => { back(); answers.change.set.forEach(([at, value]) => controls[at].control.place(value)); }) : null,
          button(phrase("reset"), back)),
        ...(movable.length ? [block("h5", {}, phrase("can_change")), ...movable.map(({ row }) => row)] : []),
        ...(others.length ? [block("h5", {}, phrase("cannot_change")), ...others.map(({ row }) => row)] : []),
        block("p", { class: "case-by" }, [data.what_if.asked, ...data.what_if.relations].join(" ")),
      ];
    };

    browser.append(
      block("div", { class: "case-filters", role: "group", "aria-label": phrase("filters") }, filters.map(({ label }) => label), block("label", {}, block("span", {}, data.cases.some((one) => one.glance?.text) ? phrase("find_words") : phrase("find")), find)),
      count, block("div", { class: "case-columns" }, box, article), marks.bar ?? "");
    list(true);
    document.documentElement.classList.add("with-cases");
    const byHash = () => {
      const id = /^#case-(-?\d+)$/.exec(location.hash)?.[1];
      const one = id && data.cases.find((candidate) => String(candidate.id) === id);
      if (one && one !== current) { jump(one); reveal(); }
    };
    addEventListener("hashchange", byHash);
    byHash();
    addEventListener("beforeprint", giveBack);
    addEventListener("afterprint", () => show(current));
  };

  unpack("cases").then((text) => start(JSON.parse(text)));
})();

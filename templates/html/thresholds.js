/* A slider over thresholds: it counts the rows of the page, or looks up what the run counted, and takes
   every interval from the run. The table of other thresholds stands below for readers without scripts. */
(() => {
  "use strict";
  const place = document.querySelector(".threshold-slider"), packed = document.getElementById("thresholds");
  if (!place || !packed || !("DecompressionStream" in window)) return;
  const { element, block, unpack, numbers } = reportPage;
  const phrase = (name, slots = {}) => reportPage.phrase(`thresholds.${name}`, slots);
  const { number, percent } = numbers;
  const DASH = "–";
  const share = (part, whole) => whole ? phrase("of", { share: percent(part / whole), n: number(whole, 0) }) : DASH;

  const start = (data, fold) => {
    numbers.group = data.group;
    const last = data.thresholds.length - 1, explained = data.explained, other = 1 - explained;
    const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const rows = data.rows && {
      step: bytes(data.rows.step), truth: bytes(data.rows.truth),
      codes: data.attributes.map((_, at) => bytes(data.rows[at])),
      size: new Uint32Array(bytes(data.rows.size).buffer),
    };

    /* What is chosen: an attribute's level each, and a band of the probability. */
    const edges = rows ? [0, ...[1, 2, 3, 4].map((fifth) => Math.round(fifth * last / 5)), last + 1] : [];
    const bandName = (at) => at === 0 ? phrase("band_below", { high: data.thresholds[edges[1]] })
      : at === 4 ? phrase("band_from", { low: data.thresholds[edges[4]] })
      : phrase("band", { low: data.thresholds[edges[at]], high: data.thresholds[edges[at + 1]] });
    const inBand = (step, at) => step > (at ? edges[at] : -1) && step <= edges[at + 1];
    const chooser = (label, choices, fits) => {
      const select = block("select", {}, [phrase("all"), ...choices.map(([text]) => text)].map((text, at) => block("option", { value: at ? String(choices[at - 1][1]) : "" }, text)));
      select.addEventListener("change", () => { recount(); show(); });
      return { select, fits, label: block("label", {}, block("span", {}, label), select) };
    };
    const choosers = !rows ? [] : [
      ...data.attributes.map(({ label, levels }, at) => {
        const present = new Set(rows.codes[at]);
        return chooser(label, levels.map((name, k) => [name, k + 1]).filter(([, code]) => present.has(code)), (row, value) => rows.codes[at][row] === value);
      }),
      ...(last >= 10 ? [chooser(phrase("band_label"), [0, 1, 2, 3, 4].map((at) => [bandName(at), at]), (row, value) => inBand(rows.step[row], value))] : []),
    ];

    /* For all rows, and for each group: how many of the explained class and of the others lie at or above a threshold. */
    const empty = () => [new Float64Array(last + 2), new Float64Array(last + 2)];
    let whole, ofGroup, isSubset;
    const recount = () => {
      isSubset = choosers.some(({ select }) => select.value !== "");
      if (!rows) {
        whole = [data.counts[1].map((count, at) => count), data.counts[0].map((count, at) => count)];
        whole[0].all = data.counts[1][0] + data.counts[3][0];
        whole[1].all = data.counts[0][0] + data.counts[2][0];
        ofGroup = [];
        return;
      }
      whole = empty();
      ofGroup = data.groups.map(empty);
      const chosen = choosers.filter(({ select }) => select.value !== "").map(({ select, fits }) => [fits, Number(select.value)]);
      for (let row = 0; row < rows.step.length; row++) {
        if (!chosen.every(([fits, value]) => fits(row, value))) continue;
        whole[rows.truth[row]][rows.step[row]] += rows.size[row];
        data.groups.forEach(({ attribute, level }, at) => { if (rows.codes[attribute][row] === level + 1) ofGroup[at][rows.truth[row]][rows.step[row]] += rows.size[row]; });
      }
      [whole, ...ofGroup].forEach((pair) => pair.forEach((counts) => {
        for (let at = last; at >= 0; at--) counts[at] += counts[at + 1];
        counts.all = counts[0];
        counts.copyWithin(0, 1);
      }));
    };

    /* The parts that change are made once; a move sets their texts alone. */
    const cell = (head) => { const made = element("td", head ? { "data-head": head } : {}); return made; };
    const table = (caption, heads, body) => block("div", { class: "table-scroll" }, block("table", {}, block("caption", {}, caption),
      block("thead", {}, block("tr", {}, heads.map((head) => block("th", { scope: "col" }, head)))), block("tbody", {}, body)));
    const row = (name, cells) => block("tr", {}, block("th", { scope: "row" }, name), cells);
    const name = (at) => data.classes[at];
    const slider = element("input", { type: "range", id: "threshold-at", min: "0", max: String(last), step: "1", value: String(data.in_use) });
    const stands = element("output", { for: "threshold-at" });
    const used = data.thresholds[data.in_use];
    const mark = block("div", { class: "threshold-scale", "aria-hidden": "true" }, block("span", { class: "threshold-mark" }, phrase("mark", { threshold: used })));
    mark.firstChild.style.left = `calc(.5rem + ${data.in_use / Math.max(last, 1)} * (100% - 1rem))`;
    if (data.in_use > last / 2) mark.firstChild.classList.add("is-right-half");
    const button = (label, act) => { const made = block("button", { type: "button" }, label); made.addEventListener("click", act); return made; };
    const moveTo = (at) => { slider.value = String(at); show(); };
    const back = button(phrase("back", { threshold: used }), () => moveTo(data.in_use));
    const basis = element("p", { class: "threshold-basis" });
    const counted = element("p", { class: "case-count", role: "status" });

    const matrix = [other, explained].map((label) => [other, explained].map((decided) => cell(phrase("decided", { decision: name(decided) }))));
    const rates = ["recall", "alarms", "right", "accuracy"].map((key) => [phrase(key, { explained: name(explained) }), cell()]);
    const hasRatio = data.groups.some(({ steps }) => Object.values(steps).some((texts) => texts[3] !== DASH));
    const favoured = data.favourable === null ? explained : data.favourable;
    const groupHeads = [phrase("group"), phrase("cases"), phrase("favoured", { decision: name(favoured) }), phrase("favoured_rightly", { decision: name(favoured) }), phrase("favoured_wrongly", { decision: name(favoured) }), ...(hasRatio ? [phrase("ratio")] : [])];
    const groupRows = data.groups.map(({ attribute, level }) => ({ name: `${data.attributes[attribute].label}: ${data.attributes[attribute].levels[level]}`, cells: groupHeads.slice(1).map(cell) }));

    const costs = ["alarm", "miss"].map((key, at) => {
      const input = element("input", { type: "number", min: "0", step: "any", inputmode: "decimal", value: String(data.costs ? data.costs[at] : 1) });
      input.addEventListener("input", () => showCost());
      return { input, label: block("label", {}, block("span", {}, phrase(`cost_${key}`, { explained: name(explained), other: name(other) })), input) };
    });
    const cost = element("p", { class: "threshold-cost", role: "status" });
    const cheapest = button("", () => moveTo(least()));
    const costAt = (at) => {
      const [alarm, miss] = costs.map(({ input }) => input.valueAsNumber), n = whole[0].all + whole[1].all;
      return n ? (alarm * whole[0][at] + miss * (whole[1].all - whole[1][at])) / n : NaN;
    };
    const isPriced = () => costs.every(({ input }) => input.value !== "" && input.valueAsNumber >= 0);
    const least = () => { let best = data.in_use; for (let at = 0; at <= last; at++) if (costAt(at) < costAt(best)) best = at; return best; };
    const money = (value) => Number.isFinite(value) ? number(value, value >= 100 ? 0 : value >= 1 ? 2 : value >= 0.1 ? 3 : 5) : DASH;
    const showCost = () => {
      const at = Number(slider.value), best = isPriced() ? least() : null;
      cost.textContent = best === null ? phrase("cost_none") : phrase("cost", { now: money(costAt(at)), used: money(costAt(data.in_use)), threshold: data.thresholds[best], least: money(costAt(best)) });
      cheapest.hidden = best === null;
      cheapest.textContent = best === null ? "" : phrase("cheapest", { threshold: data.thresholds[best] });
    };

    const show = () => {
      const at = Number(slider.value), stored = !isSubset && data.rates[at];
      const [alarms, hits] = [whole[0][at], whole[1][at]], negatives = whole[0].all, positives = whole[1].all, n = negatives + positives;
      const words = data.thresholds[at] + (at === data.in_use ? phrase("is_in_use") : "");
      stands.textContent = phrase("stands", { threshold: words, decided: share(alarms + hits, n), explained: name(explained) });
      slider.setAttribute("aria-valuetext", words);
      back.disabled = at === data.in_use;
      [[negatives - alarms, alarms], [positives - hits, hits]].forEach((line, label) => line.forEach((count, decided) => { matrix[label][decided].textContent = number(count, 0); }));
      const texts = stored || [share(hits, positives), share(alarms, negatives), share(hits, alarms + hits), share(hits + negatives - alarms, n)];
      rates.forEach(([, shown], k) => { shown.textContent = texts[k]; });
      const near = Object.keys(data.rates).map(Number);
      const closest = near.reduce((best, step) => Math.abs(step - at) < Math.abs(best - at) ? step : best, near[0]), rateOf = [];
      const sizes = groupRows.map(({ cells }, k) => {
        const [ones, twos] = ofGroup[k], total = ones.all + twos.all, wants = favoured === explained;
        const told = !isSubset && data.groups[k].steps[at];
        const good = wants ? [twos[at], twos.all, ones[at], ones.all] : [ones.all - ones[at], ones.all, twos.all - twos[at], twos.all];
        rateOf[k] = total ? (good[0] + good[2]) / total : NaN;
        const shown = told || [share(good[0] + good[2], total), share(good[0], good[1]), share(good[2], good[3]), ""];
        cells[0].textContent = number(total, 0);
        shown.slice(0, cells.length - 1).forEach((text, column) => { cells[column + 1].textContent = text; });
        return total;
      });
      /* Between thresholds with intervals a group is set against the reference of the nearest of them. */
      if (hasRatio && !stored) groupRows.forEach(({ cells }, k) => {
        const [, , , ratio, reference] = data.groups[k].steps[closest], quotient = rateOf[k] / rateOf[reference];
        cells.at(-1).textContent = isSubset || ratio === DASH ? DASH : reference < 0 ? ratio : Number.isFinite(quotient) ? number(quotient, 2) : DASH;
      });
      basis.textContent = isSubset ? phrase("basis_subset") : stored ? phrase("basis_stored") : near.length ? phrase("basis_between", nearest(near, at)) : phrase("basis_none");
      if (live) { asked = JSON.stringify(question(at)); if (isSubset || !stored) { basis.textContent = phrase("asking"); live(question(at)); } }
      counted.textContent = phrase("count", { shown: number(n, 0), all: number(data.counts.reduce((sum, counts) => sum + counts[0], 0), 0) });
      groupRows.forEach(({ row: line }, k) => { line.hidden = sizes[k] === 0; });
      showCost();
    };
    /* Beside a server, the package itself computes what is not stored. */
    let asked = "";
    const question = (at) => ({
      step: at,
      levels: data.attributes.map((_, k) => [k, choosers[k] ? Number(choosers[k].select.value) - 1 : -1]).filter(([, level]) => level >= 0),
      band: (() => { const select = choosers[data.attributes.length]?.select; const k = select && select.value !== "" ? Number(select.value) : null; return k === null ? null : [k ? edges[k] : -1, edges[k + 1]]; })(),
    });
    const live = rows && typeof reportLive !== "undefined" ? reportLive.newest("threshold", (answer, about) => {
      if (JSON.stringify(about) !== asked) return;
      rates.forEach(([, shown], k) => { shown.textContent = answer.rates[k]; });
      answer.groups.forEach((texts, k) => { texts.slice(0, groupHeads.length - 2).forEach((text, column) => { groupRows[k].cells[column + 1].textContent = text; }); });
      basis.textContent = phrase("basis_live");
    }, (problem) => { basis.textContent = problem.message; }) : null;
    const nearest = (steps, at) => ({ low: data.thresholds[steps.filter((step) => step < at).at(-1) ?? steps[0]], high: data.thresholds[steps.find((step) => step > at) ?? steps.at(-1)] });
    slider.addEventListener("input", show);

    fold.append(block("section", { class: "thresholds", "aria-label": phrase("title") },
      block("p", { class: "threshold-note" }, phrase("findings", { threshold: used })),
      block("label", { for: "threshold-at", class: "threshold-label" }, phrase("label", { explained: name(explained) })),
      slider, mark, stands,
      block("div", { class: "threshold-tools" }, back, cheapest),
      choosers.length ? block("div", { class: "case-filters", role: "group", "aria-label": phrase("filters") }, choosers.map(({ label }) => label)) : null,
      choosers.length ? counted : null,
      basis,
      block("div", { class: "threshold-columns" },
        table(phrase("matrix"), [phrase("was"), phrase("decided", { decision: name(other) }), phrase("decided", { decision: name(explained) })], [other, explained].map((label, at) => row(name(label), matrix[at]))),
        table(phrase("rates"), [phrase("rate"), phrase("share")], rates.map(([label, shown]) => row(label, [shown])))),
      block("div", { class: "threshold-costs", role: "group", "aria-label": phrase("costs") }, costs.map(({ label }) => label)),
      data.costs ? null : block("p", { class: "threshold-basis" }, phrase("cost_example")),
      cost,
      groupRows.length ? table(phrase("groups"), groupHeads, groupRows.map((line) => { line.row = row(line.name, line.cells); return line.row; })) : null,
      data.rows ? null : block("p", { class: "threshold-basis" }, phrase("no_rows"))));
    recount();
    show();
    keptInput().fields("costs", { alarm: costs[0].input, miss: costs[1].input }, showCost);
  };

  /* A tool and nothing to be read: it is made when the reader opens it. */
  const details = block("details", { class: "case-fold" }, block("summary", {}, phrase("title")));
  details.addEventListener("toggle", async () => {
    if (!details.open || details.children.length > 1 || details.dataset.made) return;
    details.dataset.made = "";
    start(JSON.parse(await unpack("thresholds")), details);
  });
  place.append(details);
})();

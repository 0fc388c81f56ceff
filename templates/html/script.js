/* Everything here adds to a page that reads whole without it. */
const reportPage = (() => {
  "use strict";
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const element = (name, attributes = {}, text = "") => {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.textContent = text;
    return made;
  };
  const root = document.documentElement;
  root.classList.add("ready");
  /* What the page says, in the language of the report. */
  const words = JSON.parse(document.getElementById("page-words").textContent);
  const say = (name, slot, value) => words[name].replace(`{${slot}}`, () => value);

  /* Theme: the reader's system decides until the reader does. */
  const remember = (value) => { try { localStorage.setItem("deepseek-report-theme", value); } catch { /* not allowed here */ } };
  const remembered = () => { try { return localStorage.getItem("deepseek-report-theme"); } catch { return null; } };
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const themeButton = document.querySelector(".theme");
  const redrawers = new Set();
  const showTheme = () => { themeButton.textContent = isDark() ? words.light_page : words.dark_page; redrawers.forEach((draw) => draw()); };
  const kept = remembered();
  if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  themeButton.hidden = false;
  themeButton.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; remember(root.dataset.theme); showTheme(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showTheme);
  showTheme();
  const printButton = document.querySelector(".print");
  printButton.hidden = false;
  printButton.addEventListener("click", () => print());

  /* Menu on phones. */
  const menu = document.querySelector(".menu"), side = document.querySelector(".side");
  const showMenu = (shown) => {
    side.classList.toggle("shown", shown);
    menu.setAttribute("aria-expanded", String(shown));
    if (shown) side.querySelector("a").focus();
  };
  menu.addEventListener("click", (event) => { event.stopPropagation(); showMenu(!side.classList.contains("shown")); });
  document.addEventListener("click", (event) => {
    if (side.classList.contains("shown") && (!side.contains(event.target) || event.target.closest("a"))) showMenu(false);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && side.classList.contains("shown")) { showMenu(false); menu.focus(); }
  });

  /* Which section is being read. */
  const links = new Map(all(".side li > a").map((link) => [decodeURIComponent(link.hash.slice(1)), link]));
  const headed = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  const markCurrent = () => {
    let current = headed[0];
    for (const section of headed) if (section.getBoundingClientRect().top <= innerHeight * 0.3) current = section;
    if (innerHeight + scrollY >= document.body.scrollHeight - 4 && headed.length) current = headed.at(-1);
    links.forEach((link) => link.removeAttribute("aria-current"));
    all(".side li.open").forEach((item) => item.classList.remove("open"));
    const link = current && links.get(current.id);
    if (!link) return;
    link.setAttribute("aria-current", "location");
    for (let item = link.closest("li"); item; item = item.parentElement.closest("li")) item.classList.add("open");
    const top = link.offsetTop - side.clientHeight / 2;
    if (getComputedStyle(side).position === "sticky" && Math.abs(side.scrollTop - top) > side.clientHeight / 3) side.scrollTop = top;
  };
  let waiting = false;
  addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; markCurrent(); });
  }, { passive: true });
  markCurrent();

  /* Folded parts: closed by script alone, so that print and scriptless readers see them. */
  all(".callout.folded").forEach((box, position) => {
    const title = box.querySelector(":scope > .callout-title"), body = box.querySelector(":scope > .callout-body");
    if (!title || !body) return;
    body.id = `fold-${position + 1}`;
    const button = element("button", { type: "button", class: "fold", "aria-controls": body.id });
    button.append(...title.childNodes);
    title.append(button);
    const show = (open) => { if (open) body.removeAttribute("hidden"); else body.setAttribute("hidden", "until-found"); button.setAttribute("aria-expanded", String(open)); };
    button.addEventListener("click", () => { show(body.hasAttribute("hidden")); noteScrolling(body); });
    body.addEventListener("beforematch", () => show(true));
    body.reveal = () => show(true);
    show(false);
  });

  /* Tabs (WAI-ARIA pattern, automatic activation); those of one group move together. */
  const groups = new Map();
  all(".tabs").forEach((tabs, number) => {
    const panels = all(":scope > .tab-panel", tabs);
    if (panels.length < 2) return;
    tabs.classList.add("ready");
    const list = element("div", { role: "tablist", class: "tab-list", "aria-label": words.views });
    const buttons = panels.map((panel, position) => {
      panel.id = `tab-panel-${number + 1}-${position + 1}`;
      const button = element("button", { type: "button", role: "tab", id: `tab-${number + 1}-${position + 1}`, "aria-controls": panel.id }, panel.querySelector(":scope > .tab-title").textContent.trim());
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", button.id);
      list.append(button);
      return button;
    });
    const select = (chosen) => buttons.forEach((button, position) => {
      button.setAttribute("aria-selected", String(position === chosen));
      button.tabIndex = position === chosen ? 0 : -1;
      if (position === chosen) { panels[position].removeAttribute("hidden"); noteScrolling(panels[position]); } else panels[position].setAttribute("hidden", "until-found");
    });
    const choose = (chosen) => {
      const name = tabs.dataset.group;
      if (!name) { select(chosen); return; }
      const words = buttons[chosen].textContent;
      groups.get(name).forEach((take) => take(words));
      document.dispatchEvent(new CustomEvent(`tabs-${name}`, { detail: words }));
    };
    if (tabs.dataset.group) {
      if (!groups.has(tabs.dataset.group)) groups.set(tabs.dataset.group, []);
      groups.get(tabs.dataset.group).push((words) => { const at = buttons.findIndex((button) => button.textContent === words); if (at >= 0) select(at); });
    }
    buttons.forEach((button, position) => {
      button.addEventListener("click", () => choose(position));
      panels[position].addEventListener("beforematch", () => choose(position));
      panels[position].reveal = () => choose(position);
    });
    list.addEventListener("keydown", (event) => {
      const at = buttons.indexOf(document.activeElement), last = buttons.length - 1;
      const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(to);
      buttons[to].focus();
    });
    tabs.prepend(list);
    select(0);
  });

  /* The short view folds what a person in a hurry can do without; a click opens one section again.
     The address keeps it: `#short`, or `#short:` and the id of what is looked at. */
  const SHORT = "short", ACTED_ON = ".finding:not(.severity-info)", KEPT = {
    "sec-cases": ".answer, .case-browser, .case-list",
    "sec-performance": ".answer",
    "sec-bias": ".answer, .incomplete, #fig-group-rates",
  };
  const shortButton = document.querySelector(".short-view"), shortNote = document.querySelector(".short-note");
  const isShort = () => shortButton.getAttribute("aria-pressed") === "true";
  const beyond = (block, kept) => [...block.children].flatMap((child) => {
    if (/^H[1-6]$/.test(child.tagName) || child.matches(kept)) return [];
    return child.querySelector(kept) ? beyond(child, kept) : [child];
  });
  const foldable = all("main > section.level2:not(#sec-summary)").map((section) => {
    const blocks = beyond(section, [ACTED_ON, KEPT[section.id]].filter(Boolean).join()), heading = section.querySelector("h2");
    if (!blocks.length || !heading) return null;
    const button = element("button", { type: "button", class: "fold unfold", hidden: "" }, say("unfold", "section", heading.lastChild.textContent.trim()));
    heading.after(button);
    const show = (open) => {
      for (const block of blocks) {
        block.classList.toggle("beyond", !open);
        if (open) block.removeAttribute("hidden"); else block.setAttribute("hidden", "until-found");
      }
      button.setAttribute("aria-expanded", String(open));
      section.classList.toggle("shortened", !open);
      if (open) noteScrolling(section);
    };
    button.addEventListener("click", () => show(button.getAttribute("aria-expanded") !== "true"));
    for (const block of blocks) {
      block.addEventListener("beforematch", () => show(true));
      block.reveal = () => { if (block.classList.contains("beyond")) show(true); };
    }
    section.reveal = (target) => { if (target === section && isShort()) show(true); };
    return (on) => { button.hidden = !on; show(!on); };
  }).filter(Boolean);
  const target = () => location.hash.slice(1).replace(new RegExp(`^${SHORT}(:|$)`), "");
  const showShort = (on) => {
    shortButton.setAttribute("aria-pressed", String(on));
    shortNote.textContent = on ? words.short_note : "";
    shortNote.hidden = !on;
    foldable.forEach((fold) => fold(on));
    markCurrent();
  };
  const noteShort = () => {
    const hash = [isShort() ? SHORT : "", target()].filter(Boolean).join(":");
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  };
  if (foldable.length && document.getElementById("sec-summary")) {
    shortButton.hidden = false;
    shortButton.addEventListener("click", () => { showShort(!isShort()); noteShort(); });
  }

  /* A link to something inside a closed part opens it. */
  const reveal = () => {
    const asked = new RegExp(`^#${SHORT}(:|$)`).test(location.hash);
    if (asked && !isShort() && !shortButton.hidden) showShort(true);
    const place = target() && document.getElementById(decodeURIComponent(target()));
    if (!place) return;
    for (let node = place; node; node = node.parentElement) if (node.reveal) node.reveal(place);
    if (isShort() && !asked) noteShort();
    place.scrollIntoView();
  };
  addEventListener("hashchange", reveal);

  /* Regions that scroll can be reached by keyboard, and only those. */
  function noteScrolling(within) {
    all(".table-scroll, .canvas, pre", within).forEach((box) => {
      const scrolls = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1;
      if (!scrolls) { for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name); return; }
      const caption = box.closest("figure, .table")?.querySelector("figcaption, .table-caption .label, .table-caption");
      box.tabIndex = 0;
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", say("scrolls", "caption", caption ? caption.textContent.trim().slice(0, 80) : words.text));
    });
  }
  all(".table-scroll").forEach((box) => { if (box.querySelectorAll("tbody tr").length > 25) box.classList.add("tall"); });
  let resizing;
  addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(() => noteScrolling(document), 150); });

  /* Tables sort by the number in a cell where all cells have one, else by text. */
  const blank = (key) => /^[–\-\s]*$/.test(key) || key === words.not_defined;
  const numberIn = (text) => {
    const found = text.replace(/[\u202f\u00a0 ](?=\d{3}(?!\d))/g, "").replace(/\u2212/g, "-").match(/-?\d+(?:[.,]\d+)?(?:e-?\d+)?/i);
    return found ? Number(found[0].replace(",", ".")) : NaN;
  };
  const keyOf = (row, column) => {
    const cell = row.cells[column], marked = cell.querySelector("[data-sort]");
    return marked ? marked.dataset.sort : cell.textContent.trim();
  };
  const collator = new Intl.Collator(root.lang || "en", { numeric: true });
  const sort = (table, column, descending) => {
    const body = table.tBodies[0], rows = [...body.rows].map((row) => ({ row, key: keyOf(row, column) }));
    const filled = rows.filter(({ key }) => !blank(key));
    const numeric = filled.every(({ key }) => /^[^A-Za-z]{0,4}[-+\u2212]?[^\dA-Za-z]{0,4}\d/.test(key) && !Number.isNaN(numberIn(key)));
    filled.sort((a, b) => (descending ? -1 : 1) * (numeric ? numberIn(a.key) - numberIn(b.key) : collator.compare(a.key, b.key)));
    body.append(...filled.map(({ row }) => row), ...rows.filter(({ key }) => blank(key)).map(({ row }) => row));
    [...table.tHead.rows[0].cells].forEach((head, at) => { if (at === column) head.setAttribute("aria-sort", descending ? "descending" : "ascending"); else head.removeAttribute("aria-sort"); });
  };
  all(".table table").forEach((table) => {
    if (!table.tHead || !table.tBodies[0] || table.tBodies[0].rows.length < 3) return;
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      if (!head.textContent.trim()) return;
      const button = element("button", { type: "button", title: words.sort });
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => sort(table, column, head.getAttribute("aria-sort") === "ascending"));
    });
  });

  /* Figures: enlarge the static picture, or explore its interactive twin. */
  const dialog = document.querySelector("dialog.zoom"), stage = dialog.querySelector(".zoom-body");
  let home = null;
  const enlarge = (figure) => {
    const picture = figure.querySelector(".canvas svg");
    if (!picture) return;
    home = picture.parentElement;
    stage.append(picture);
    dialog.querySelector("#zoom-title").textContent = figure.querySelector("figcaption").textContent.trim();
    dialog.showModal();
  };
  dialog.addEventListener("close", () => { if (home) home.append(...stage.childNodes); home = null; });
  dialog.querySelector(".zoom-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  all("figure.picture").forEach((figure) => {
    const tools = element("div", { class: "tools" }), label = figure.querySelector(".label")?.textContent.trim() || words.figure;
    const button = element("button", { type: "button", "aria-label": say("enlarge_figure", "figure", label) }, words.enlarge);
    button.addEventListener("click", () => enlarge(figure));
    figure.querySelector(".canvas").addEventListener("click", () => enlarge(figure));
    tools.append(button);
    figure.append(tools);
  });

  /* Interactive twins: the library and the data unpack when the first one is asked for. */
  const unpack = async (id) => {
    const packed = Uint8Array.from(atob(document.getElementById(id).textContent.trim()), (c) => c.charCodeAt(0));
    return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  };
  let loading = null;
  const load = () => loading ??= (async () => {
    const [library, twins] = await Promise.all([unpack("plotly"), unpack("twins")]);
    document.head.append(element("script", {}, library));
    return JSON.parse(twins);
  })();
  const palette = document.getElementById("palette") ? JSON.parse(document.getElementById("palette").textContent) : {};
  const recolour = (value) => {
    if (typeof value === "string") return isDark() ? palette[value.toLowerCase()] ?? value : value;
    if (Array.isArray(value)) return value.map(recolour);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, recolour(one)]));
    return value;
  };
  const draw = (canvas, twin) => {
    const ink = getComputedStyle(root).getPropertyValue("--ink").trim();
    const { data, layout } = recolour(twin);
    const font = { family: "system-ui, sans-serif", color: ink, ...layout.font };
    const margin = { l: 60, r: 20, b: 50, ...layout.margin, t: Math.max(layout.margin?.t ?? 0, 36) };
    const soft = getComputedStyle(root).getPropertyValue("--soft").trim(), accent = getComputedStyle(root).getPropertyValue("--accent").trim();
    const modebar = { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: accent };
    const page = getComputedStyle(root).getPropertyValue("--page").trim();
    const hoverlabel = { bgcolor: page, font: { color: ink }, ...layout.hoverlabel };
    const { title, ...rest } = layout;
    return window.Plotly.react(canvas, data, { autosize: true, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", ...rest, font, margin, hoverlabel, modebar }, { displaylogo: false, responsive: true, modeBarButtonsToRemove: ["sendDataToCloud", "lasso2d", "select2d"] });
  };
  const explore = async (figure, name, button) => {
    const still = figure.querySelector(".canvas");
    let canvas = figure.querySelector(".twin-canvas");
    if (canvas && !canvas.hidden) { canvas.hidden = true; still.removeAttribute("hidden"); button.textContent = words.explore; button.setAttribute("aria-pressed", "false"); return; }
    button.disabled = true;
    try {
      const twins = await load();
      if (!canvas) {
        canvas = element("div", { class: "twin-canvas", role: "group", "aria-label": say("interactive", "caption", figure.querySelector("figcaption").textContent.trim()) });
        still.after(canvas);
        const again = () => { if (!canvas.hidden) draw(canvas, twins[name]); };
        redrawers.add(again);
      }
      canvas.hidden = false;
      await draw(canvas, twins[name]);
      still.setAttribute("hidden", "");
      button.textContent = words.static_picture;
      button.setAttribute("aria-pressed", "true");
    } catch (problem) {
      if (canvas) canvas.hidden = true;
      figure.append(element("p", { class: "twin-note", role: "status" }, say("no_twin", "problem", problem.message)));
      button.remove();
    }
    button.disabled = false;
  };
  if (document.getElementById("plotly") && "DecompressionStream" in window) {
    all(".twin").forEach((mark) => {
      const name = mark.dataset.twin, figure = document.getElementById(`fig-${name}`), tools = figure?.querySelector(".tools");
      if (!tools) return;
      const button = element("button", { type: "button", "aria-pressed": "false" }, words.explore);
      button.addEventListener("click", () => explore(figure, name, button));
      tools.append(button);
    });
  }

  /* What the scripts of single parts share. An element with these children; texts stay texts. */
  const block = (name, attributes, ...children) => {
    const made = element(name, attributes);
    made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
    return made;
  };
  const phrase = (name, slots = {}) => words[name].replace(/\{(\w+)\}/g, (_, slot) => slots[slot] ?? "");
  /* As the report writes numbers: its own sign between groups of digits, and a true minus. */
  const formats = new Map();
  const numbers = {
    group: ",",
    number: (value, digits, signed = false) => {
      const key = `${digits} ${signed}`;
      if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(root.lang || "en", { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: signed ? "exceptZero" : "auto" }));
      return formats.get(key).formatToParts(value).map(({ type, value: text }) => type === "group" ? numbers.group : type === "minusSign" ? "\u2212" : text).join("");
    },
    percent: (share) => phrase("cases.percent", { number: numbers.number(100 * share, 1) }),
  };

  noteScrolling(document);
  reveal();
  /* The tabs of a group show what is called so, where they have it. */
  const showTab = (group, words) => (groups.get(group) ?? []).forEach((take) => take(words));
  return { element, block, phrase, numbers, unpack, noteScrolling, reveal, showTab };
})();

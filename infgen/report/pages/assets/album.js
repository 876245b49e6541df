// A grid of pictures with filters. The page says by data-album which album is shown; "strip" is a
// row of links without filters. Only cards in view have a canvas.

"use strict";

infgen.album = (() => {
  const { element, number, count } = infgen;
  const byId = (id) => document.getElementById(id);
  const album = document.body.dataset.album;
  const PER_PAGE = 120; // cards that are added at a time
  const SMALL = 32 ** 2; // areas as COCO's: below are small, and from the next on large
  const LARGE = 96 ** 2;

  const VERDICTS = {
    first: "accepted at the first try",
    later: "accepted after further tries",
    dropped: "something was left out",
    decoy: "a decoy was left out",
    sighted: "unlabelled things seen in the scene",
    marked: "marked as bad",
  };
  const SIZES = {
    small: "small (area < 32² px)",
    medium: "medium",
    large: "large (area ≥ 96² px)",
  };
  const sizeOf = (area) => (area < SMALL ? "small" : area < LARGE ? "medium" : "large");

  // What can be drawn: key on the keyboard, word on the button, shown at first.
  const LAYERS = {
    masks: ["m", "Masks", true],
    boxes: ["b", "Boxes", true],
    decoys: ["d", "Decoys", false],
    out: ["x", "Left out", album === "rejects"],
  };

  // Objects are lists: class, method, area, tries, score.
  const AREA = 2;
  const SCORE = 4;

  // Filters by choice: some of `values`, each of an object or of its picture. An object has to pass
  // all filters of objects by itself: a large cat isn't a cat beside something large.
  const CHOICES = {
    class: { title: "Class", ofObject: (one) => one[0] },
    reason: { title: "Reason", ofPicture: (picture) => picture.reasons || [] },
    verdict: { title: "Verdict", ofPicture: (picture) => picture.verdicts || [] },
    size: { title: "Object size", ofObject: (one) => sizeOf(one[AREA]) },
    split: { title: "Split", ofPicture: (picture) => [picture.split] },
    method: { title: "Method", ofObject: (one) => one[1] },
  };
  // Filters by range, both ends included.
  const RANGES = {
    side: { title: "Object size in pixels", hint: "root of its area", ofObject: (one) => Math.sqrt(one[AREA]) },
    objects: { title: album === "rejects" ? "Rejects per picture" : "Objects per picture", ofPicture: (picture) => picture.objects.length },
    score: { title: "Score", hint: "0 to 1", step: "any", ofObject: (one) => (one.length > SCORE ? one[SCORE] : NaN) },
  };
  const extent = (picture, pick, from) => pick(...picture.objects.map((one) => one[from] ?? 0), 0);
  const SORTS = {
    number: ["by number", (a, b) => a.number - b.number],
    most: ["most objects", (a, b) => b.objects.length - a.objects.length],
    fewest: ["fewest objects", (a, b) => a.objects.length - b.objects.length],
    largest: ["largest object", (a, b) => extent(b, Math.max, AREA) - extent(a, Math.max, AREA)],
    smallest: ["smallest object", (a, b) => least(a, AREA) - least(b, AREA)],
    tries: ["most tries", (a, b) => extent(b, Math.max, 3) - extent(a, Math.max, 3)],
    unsure: ["lowest score", (a, b) => least(a, SCORE) - least(b, SCORE)],
  };
  const least = (picture, from) => Math.min(...picture.objects.map((one) => one[from] ?? Infinity), 1e12);

  let data; // the album's index
  const chosen = {}; // choice -> Set of values, as text
  const range = {}; // range -> [from, to], null where open
  let sort = "number";
  const layers = {};
  let matches = []; // the pictures that pass, sorted
  let cards = []; // elements of the first of them
  let wanted = null; // the number of the picture that the address asks for

  // ---- filters ------------------------------------------------------------------------------

  const within = ([from, to], value) => (from === null || value >= from) && (to === null || value <= to);
  const open = (name) => range[name][0] === null && range[name][1] === null;

  function passes(picture) {
    const tests = [];
    for (const [name, { ofObject, ofPicture }] of Object.entries(CHOICES)) {
      const values = chosen[name];
      if (!values.size) continue;
      if (ofObject) tests.push((one) => values.has(String(ofObject(one))));
      else if (!ofPicture(picture).some((value) => values.has(String(value)))) return false;
    }
    for (const [name, { ofObject, ofPicture }] of Object.entries(RANGES)) {
      if (open(name)) continue;
      if (ofObject) tests.push((one) => within(range[name], ofObject(one)));
      else if (!within(range[name], ofPicture(picture))) return false;
    }
    return !tests.length || picture.objects.some((one) => tests.every((test) => test(one)));
  }

  const filtered = () => Object.values(chosen).some((values) => values.size) || Object.keys(RANGES).some((name) => !open(name));

  function refresh() {
    matches = data.pictures.filter(passes).sort((a, b) => SORTS[sort][1](a, b) || a.number - b.number);
    const shown = data.pictures.length;
    const total = album === "gallery" && data.total > shown ? ` (of ${number(data.total)} in the dataset)` : "";
    byId("status").textContent = (filtered() ? `${number(matches.length)} of ` : "") + count(shown, "picture") + (filtered() ? ` match${matches.length === 1 ? "es" : ""}` : "") + total;
    byId("reset").hidden = !filtered();
    byId("nothing").hidden = matches.length > 0;
    byId("grid").replaceChildren();
    cards.forEach((card) => sight.unobserve(card));
    cards = [];
    addCards();
  }

  function reset() {
    Object.values(chosen).forEach((values) => values.clear());
    Object.keys(RANGES).forEach((name) => (range[name] = [null, null]));
    showFilters();
    refresh();
    writeAddress();
    byId("status").focus?.();
  }

  // ---- the address: everything that is chosen -------------------------------------------------

  function address() {
    const said = [];
    for (const [name, values] of Object.entries(chosen)) {
      if (values.size) said.push(`${name}=${[...values].map(encodeURIComponent).join(",")}`);
    }
    for (const [name, [from, to]] of Object.entries(range)) {
      if (!open(name)) said.push(`${name}=${from ?? ""}~${to ?? ""}`);
    }
    if (sort !== "number") said.push(`sort=${sort}`);
    const other = Object.keys(LAYERS).filter((name) => layers[name] !== LAYERS[name][2]);
    if (other.length) said.push(`layers=${Object.keys(LAYERS).filter((name) => layers[name]).join(",")}`);
    if (wanted !== null) said.push(`picture=${wanted}`);
    return `#${said.join("&")}`;
  }

  function writeAddress() {
    if (location.hash !== address() && (location.hash || address() !== "#")) {
      history.replaceState(null, "", address()); // a step back leaves the page, as one expects
    }
  }

  function readAddress() {
    const said = new Map(location.hash.slice(1).split("&").map((part) => part.split("=")));
    for (const name of Object.keys(CHOICES)) {
      chosen[name] = new Set((said.get(name) || "").split(",").filter((one) => one !== "").map(decoded));
    }
    for (const name of Object.keys(RANGES)) {
      const ends = (said.get(name) || "~").split("~");
      range[name] = [0, 1].map((end) => (ends[end] && Number.isFinite(+ends[end]) ? +ends[end] : null));
    }
    sort = said.get("sort") in SORTS ? said.get("sort") : "number";
    const on = said.has("layers") ? said.get("layers").split(",") : null;
    for (const name of Object.keys(LAYERS)) layers[name] = on ? on.includes(name) : LAYERS[name][2];
    wanted = /^\d+$/.test(said.get("picture") || "") ? +said.get("picture") : null;
  }

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  // ---- controls -----------------------------------------------------------------------------

  const controls = []; // what shows the state in each control again

  function showFilters() {
    controls.forEach((show) => show());
  }

  function changed() {
    refresh();
    writeAddress();
  }

  /** Values and how many pictures have each, those of classes in their own order. */
  function amounts({ ofObject, ofPicture }) {
    const counts = new Map();
    for (const picture of data.pictures) {
      const values = new Set(ofObject ? picture.objects.map(ofObject) : ofPicture(picture));
      values.forEach((value) => counts.set(value, (counts.get(value) || 0) + 1));
    }
    return counts;
  }

  function wordsFor(name, value) {
    if (name === "class") return data.classes[value][0] || `class ${value}`;
    if (name === "method") return data.methods[value] ?? value;
    if (name === "verdict") return VERDICTS[value];
    if (name === "size") return SIZES[value];
    return value;
  }

  function choice(name, row) {
    const counts = amounts(row);
    let values = [...counts.keys()];
    const order = { class: data.classes.map((_, id) => id), size: Object.keys(SIZES), verdict: Object.keys(VERDICTS) }[name];
    if (order) values = order.filter((value) => counts.has(value));
    else values.sort();
    const tells = values.length > 1 || (values.length === 1 && counts.get(values[0]) < data.pictures.length);
    if (!tells && name !== "class") return null;
    if (!values.length) return null;
    const labels = values.map((value) => {
      const box = element("input", { type: "checkbox" });
      box.addEventListener("change", () => {
        if (box.checked) chosen[name].add(String(value));
        else chosen[name].delete(String(value));
        changed();
      });
      controls.push(() => (box.checked = chosen[name].has(String(value))));
      const swatch = name === "class" ? element("span", { class: "swatch", style: { background: data.classes[value][1] } }) : null;
      const words = wordsFor(name, value);
      return element("label", { title: words.length > 60 ? words : null }, box, swatch,
        element("span", { class: "name" }, words),
        element("span", { class: "amount" }, element("span", { class: "unseen" }, "pictures: "), number(counts.get(value))));
    });
    const list = element("div", { class: "choices" }, ...labels);
    const parts = [element("legend", {}, row.title)];
    if (labels.length > 12) parts.push(finder(row.title, labels));
    return element("fieldset", {}, ...parts, list);
  }

  /** A field that narrows a long list. */
  function finder(title, labels) {
    const input = element("input", { type: "search", class: "find", placeholder: `find among ${number(labels.length)}`, "aria-label": `${title}: narrow the list` });
    input.addEventListener("input", () => {
      const text = input.value.toLowerCase();
      labels.forEach((label) => (label.hidden = !label.querySelector(".name").textContent.toLowerCase().includes(text)));
    });
    return input;
  }

  function ends(name, { title, hint, step, ofObject }) {
    if (name === "score" && !data.pictures.some((picture) => picture.objects.some((one) => one.length > SCORE))) return null;
    if (ofObject && !data.pictures.some((picture) => picture.objects.length)) return null;
    const inputs = ["from", "to"].map((word, end) => {
      const input = element("input", { type: "number", min: "0", step: step || "1", placeholder: word, "aria-label": `${title}, ${word}` });
      input.addEventListener("input", () => {
        range[name][end] = input.value === "" || !Number.isFinite(+input.value) ? null : +input.value;
        changed();
      });
      controls.push(() => (input.value = range[name][end] ?? ""));
      return input;
    });
    const said = hint ? element("span", { class: "quiet" }, ` ${hint}`) : null;
    return element("fieldset", {}, element("legend", {}, title, said), element("div", { class: "range" }, inputs[0], "–", inputs[1]));
  }

  /** Buttons for the layers that there is anything of. */
  function toggles(place) {
    const any = (name) => name === "masks" || name === "boxes" || data.pictures.some((picture) => picture[name]);
    for (const [name, [key, word]] of Object.entries(LAYERS)) {
      if (!any(name)) continue;
      const button = element("button", { type: "button", "data-layer": name, title: `${word} (${key})`, "aria-keyshortcuts": key }, word, element("kbd", { "aria-hidden": "true" }, key));
      button.addEventListener("click", () => toggle(name));
      controls.push(() => button.setAttribute("aria-pressed", layers[name]));
      place.append(button);
    }
  }

  function toggle(name) {
    layers[name] = !layers[name];
    showFilters();
    writeAddress();
    redraw();
  }

  // ---- cards --------------------------------------------------------------------------------

  /** How a picture is told in a few words. */
  function summary(picture) {
    const names = new Map();
    picture.objects.forEach(([id]) => names.set(id, (names.get(id) || 0) + 1));
    const told = [...names].slice(0, 6).map(([id, times]) => `${times > 1 ? `${times} × ` : ""}${data.classes[id][0]}`);
    if (names.size > 6) told.push(`and ${names.size - 6} more classes`);
    return told.join(", ") || "no objects";
  }

  function card(picture, rank) {
    const [, , width, height] = picture.place;
    const thumb = element("span", { class: "thumb" });
    const wide = picture.size[0] / picture.size[1] > aspect;
    Object.assign(thumb.style, { aspectRatio: `${width} / ${height}`, [wide ? "width" : "height"]: "100%" });
    if (picture.trouble) thumb.append(element("span", { class: "trouble" }, picture.trouble));
    const kind = picture.marked ? element("span", { class: "flag", title: picture.marked }, "marked") : null;
    const caption = element("span", { class: "caption" }, element("span", {}, `${picture.number} · ${picture.split}`), kind,
      element("span", {}, count(picture.objects.length, album === "rejects" ? "reject" : "object")));
    const label = `Picture ${picture.number}, ${picture.split}: ${summary(picture)}${picture.marked ? `; marked: ${picture.marked}` : ""}`;
    const inside = [element("span", { class: "frame" }, thumb), caption];
    const made = album === "strip"
      ? element("a", { class: "card", href: `gallery.html#picture=${picture.number}`, "aria-label": label }, ...inside)
      : element("button", { type: "button", class: "card", "aria-label": label, "aria-haspopup": "dialog", tabindex: rank ? "-1" : "0" }, ...inside);
    made.rank = rank;
    return made;
  }

  let aspect = 1; // of all cards: the pictures' median

  function setAspect() {
    const all = data.pictures.map(({ size }) => size[0] / size[1]).sort((a, b) => a - b);
    aspect = Math.min(Math.max(all[all.length >> 1] || 1, 0.66), 1.9);
    byId("grid").style.setProperty("--aspect", aspect);
  }

  function addCards(least = cards.length + PER_PAGE) {
    const added = [];
    while (cards.length < Math.min(least, matches.length)) {
      const made = card(matches[cards.length], cards.length);
      cards.push(made);
      added.push(element("li", {}, made));
    }
    byId("grid").append(...added);
    added.forEach((item) => sight.observe(item.firstChild));
    const more = byId("more");
    if (!more) return;
    const left = matches.length - cards.length;
    more.hidden = left <= 0;
    more.textContent = `Show more (${number(left)} left)`;
  }

  const seen = new Set(); // the cards in view, or near it

  const sight = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) {
          seen.add(target);
          show(target);
        } else {
          seen.delete(target);
          target.querySelector("canvas")?.remove();
        }
      }
    },
    { rootMargin: "300px" },
  );

  function show(target) {
    const picture = matches[target.rank];
    const thumb = target.querySelector(".thumb");
    setSprite(thumb, picture);
    if (picture.trouble) return;
    load(picture).then((detail) => {
      if (!seen.has(target) || !target.isConnected) return; // it has gone by
      const canvas = thumb.querySelector("canvas") || thumb.appendChild(element("canvas", { "aria-hidden": "true" }));
      infgen.drawing.draw(canvas, picture.size, marks(detail, layers));
    }, tell);
  }

  /** Show a picture's place of its sheet, filling the element. */
  function setSprite(thumb, picture) {
    const [x, y, width, height] = picture.place;
    const [across, down] = data.sheets[picture.part];
    const share = (at, all, own) => (all === own ? 0 : (100 * at) / (all - own));
    Object.assign(thumb.style, {
      backgroundImage: `url("data/${album}-${String(picture.part).padStart(3, "0")}.jpg")`,
      backgroundSize: `${(100 * across) / width}% ${(100 * down) / height}%`,
      backgroundPosition: `${share(x, across, width)}% ${share(y, down, height)}%`,
    });
  }

  /** All that is known of a picture. */
  async function load(picture) {
    const part = await infgen.load(`${album}-${String(picture.part).padStart(3, "0")}`);
    return part[picture.row];
  }

  function tell(error) {
    const status = byId("status") || byId("grid");
    status.textContent = error.message;
  }

  function redraw() {
    seen.forEach(show);
    infgen.viewer?.redraw();
  }

  /** What is drawn over a picture. `lit` is the one thing that stands out, if there is one. */
  function marks(detail, shown, { lit = null, names = false } = {}) {
    const list = [];
    const add = (thing, what) => {
      if (!thing.box) return;
      const [name, colour, contrast] = what.plain || data.classes[thing.class] || ["", "#888888", "#000000"];
      const faint = lit !== null && lit !== thing;
      const hot = lit === thing;
      list.push({ thing, colour, contrast, faint, ...what, mask: what.mask || (hot && Boolean(thing.rle)), box: what.box || hot, name: (names && !faint) || hot ? name : "" });
    };
    const plain = ["decoy", "#ffffff", "#000000"];
    (detail.things || []).forEach((thing) => add(thing, { mask: shown.masks, box: shown.boxes, dashed: thing.crowd }));
    if (shown.decoys || detail.decoys?.includes(lit)) {
      (detail.decoys || []).forEach((thing) => add(thing, { plain, mask: shown.decoys && shown.masks, box: shown.decoys, dashed: true }));
    }
    for (const thing of detail.dropped || []) add(thing, { mask: false, box: shown.out, dashed: true });
    for (const thing of detail.things || []) {
      if (shown.out && thing.tries?.length > 1) add({ class: thing.class, box: thing.requested }, { mask: false, box: true, dashed: true });
    }
    for (const thing of detail.droppedDecoys || []) add(thing, { plain, mask: false, box: shown.out, dashed: true });
    return list.filter((mark) => mark.mask || mark.box);
  }

  // ---- the keyboard ---------------------------------------------------------------------------

  function moveFocus(event) {
    const here = event.target.closest(".card")?.rank;
    if (here === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    const columns = getComputedStyle(byId("grid")).gridTemplateColumns.split(" ").length;
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns, Home: -here, End: cards.length - 1 - here };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const there = here + steps[event.key];
    if (there < 0 || there >= matches.length) return;
    focusOn(there);
  }

  /** Focus a card, which is the one that the tab key comes to from now on. */
  function focusOn(rank) {
    if (rank >= cards.length) addCards(rank + PER_PAGE);
    cards.forEach((one) => one.tabIndex === 0 && (one.tabIndex = -1));
    cards[rank].tabIndex = 0;
    cards[rank].focus();
    cards[rank].scrollIntoView({ block: "nearest" });
  }

  function pressed(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
    const layer = Object.keys(LAYERS).find((name) => LAYERS[name][0] === event.key.toLowerCase());
    if (layer && document.querySelector(`[data-layer="${layer}"]`)) toggle(layer);
  }

  // ---- begin --------------------------------------------------------------------------------

  function begin(index) {
    data = index;
    data.pictures.forEach((picture, place) => {
      picture.row = place && data.pictures[place - 1].part === picture.part ? data.pictures[place - 1].row + 1 : 0;
    });
    setAspect();
    readAddress();
    new ResizeObserver(() => requestAnimationFrame(() => seen.forEach(show))).observe(byId("grid"));
    if (album === "strip") {
      Object.keys(LAYERS).forEach((name) => (layers[name] = LAYERS[name][2]));
      matches = data.pictures;
      addCards();
      return;
    }
    const form = byId("filters");
    for (const [name, row] of Object.entries(CHOICES)) form.append(choice(name, row) || "");
    for (const [name, row] of Object.entries(RANGES)) form.append(ends(name, row) || "");
    form.addEventListener("submit", (event) => event.preventDefault());
    toggles(byId("toggles"));
    toggles(byId("viewer-toggles"));
    const select = byId("sort");
    for (const [name, [words]] of Object.entries(SORTS)) select.append(element("option", { value: name }, words));
    select.addEventListener("change", () => {
      sort = select.value;
      changed();
    });
    controls.push(() => (select.value = sort));
    byId("reset").addEventListener("click", reset);
    byId("reset-too").addEventListener("click", reset);
    byId("more").addEventListener("click", () => {
      const first = cards.length;
      addCards();
      focusOn(first);
    });
    new IntersectionObserver(([entry]) => entry.isIntersecting && addCards(), { rootMargin: "900px" }).observe(byId("more"));
    byId("grid").addEventListener("click", (event) => {
      const target = event.target.closest(".card");
      if (target) openAt(target.rank);
    });
    byId("grid").addEventListener("keydown", moveFocus);
    document.addEventListener("keydown", pressed);
    byId("panel").open = matchMedia("(min-width: 60rem)").matches;
    matchMedia("(min-width: 60rem)").addEventListener("change", (event) => (byId("panel").open = event.matches));
    addEventListener("hashchange", follow);
    follow();
  }

  /** Do as the address says. */
  function follow() {
    readAddress();
    showFilters();
    refresh();
    if (wanted !== null) openNumber(wanted);
    else infgen.viewer.close();
  }

  function openAt(rank) {
    wanted = matches[rank].number;
    writeAddress();
    infgen.viewer.open(rank);
  }

  /** Open a picture that may not be among those that match. */
  function openNumber(asked) {
    let rank = matches.findIndex((picture) => picture.number === asked);
    const picture = data.pictures.find((one) => one.number === asked);
    if (rank < 0 && picture) {
      matches.push(picture);
      rank = matches.length - 1;
    }
    if (rank >= 0) openAt(rank);
    else byId("status").textContent = `Picture ${asked} isn't among those shown here. ${byId("status").textContent}`;
  }

  function closed(rank) {
    wanted = null;
    writeAddress();
    focusOn(rank);
  }

  addEventListener("DOMContentLoaded", () => {
    if (byId("grid")) infgen.load(album).then(begin).catch(tell);
  });

  return {
    get data() { return data; },
    get matches() { return matches; },
    get layers() { return layers; },
    load, marks, setSprite, openAt, closed, wordsFor, summary,
  };
})();

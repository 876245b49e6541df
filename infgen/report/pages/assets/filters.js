// Which pictures are shown, in which order: the choices, their controls, and their words in the
// address.

"use strict";

infgen.filters = (() => {
  const { element, number } = infgen;
  const rejects = document.body.dataset.album === "rejects";

  // Objects are lists: class, method, area (null: unknown), tries, and score if there is one.
  const [CLASS, METHOD, AREA, TRIES, SCORE] = [0, 1, 2, 3, 4];
  const [SMALL, LARGE] = [32 ** 2, 96 ** 2]; // areas from which on COCO calls objects medium, large

  const WORDS = {
    verdict: {
      first: "accepted at the first try",
      later: "accepted after further tries",
      dropped: "something was left out",
      decoy: "a decoy was left out",
      sighted: "unlabelled things seen in the scene",
      marked: "marked as bad",
    },
    size: { small: "small (area < 32² px)", medium: "medium", large: "large (area ≥ 96² px)" },
  };

  // Filters by choice: any of some values, of an object or of its picture. An object has to pass all
  // filters of objects by itself: a large cat isn't a cat beside something large. What is `labelled`
  // is known of labels only, and not of what was thrown away.
  const CHOICES = {
    class: { title: "Class", ofObject: (one) => one[CLASS] },
    reason: { title: "Reason", ofPicture: (picture) => picture.reasons || [] },
    verdict: { title: "Verdict", ofPicture: (picture) => picture.verdicts || [] },
    size: { title: "Object size", ofObject: (one) => sizeOf(one[AREA]), labelled: true },
    split: { title: "Split", ofPicture: (picture) => [picture.split] },
    method: { title: "Method", ofObject: (one) => one[METHOD], labelled: true },
  };

  // Filters by range, both ends included.
  const RANGES = {
    side: {
      title: "Object size in pixels",
      hint: "root of the area",
      ofObject: (one) => Math.sqrt(one[AREA]),
      labelled: true,
    },
    objects: {
      title: rejects ? "Rejects per picture" : "Objects per picture",
      ofPicture: (picture) => picture.objects.length,
    },
    score: {
      title: "Score",
      hint: "0 to 1",
      step: "any",
      ofObject: (one) => one[SCORE] ?? NaN,
      labelled: true,
    },
  };

  const most = (picture, from) => Math.max(0, ...picture.objects.map((one) => one[from] ?? 0));
  const least = (picture, from) => Math.min(1e12, ...picture.objects.map((one) => one[from] ?? 1e12));
  const SORTS = {
    number: ["by number", (a, b) => a.number - b.number],
    most: ["most objects", (a, b) => b.objects.length - a.objects.length],
    fewest: ["fewest objects", (a, b) => a.objects.length - b.objects.length],
    largest: ["largest object", (a, b) => most(b, AREA) - most(a, AREA)],
    smallest: ["smallest object", (a, b) => least(a, AREA) - least(b, AREA)],
    tries: ["most tries", (a, b) => most(b, TRIES) - most(a, TRIES)],
    unsure: ["lowest score", (a, b) => least(a, SCORE) - least(b, SCORE)],
  };

  let data; // the album's index
  let sort = "number";
  const chosen = {}; // choice -> Set of values, as text
  const range = {}; // range -> [from, to], null where open
  const controls = []; // what shows the state in each control

  function sizeOf(area) {
    if (area === null) return "";
    return area < SMALL ? "small" : area < LARGE ? "medium" : "large";
  }

  // ---- who passes ---------------------------------------------------------------------------

  const isOpen = (name) => range[name][0] === null && range[name][1] === null;
  const within = ([from, to], value) =>
    !Number.isNaN(value) && (from === null || value >= from) && (to === null || value <= to);

  function passes(picture) {
    const tests = [];
    for (const [name, { ofObject, ofPicture }] of Object.entries(CHOICES)) {
      const values = chosen[name];
      if (!values.size) continue;
      if (ofObject) tests.push((one) => values.has(String(ofObject(one))));
      else if (!ofPicture(picture).some((value) => values.has(String(value)))) return false;
    }
    for (const [name, { ofObject, ofPicture }] of Object.entries(RANGES)) {
      if (isOpen(name)) continue;
      if (ofObject) tests.push((one) => within(range[name], ofObject(one)));
      else if (!within(range[name], ofPicture(picture))) return false;
    }
    return !tests.length || picture.objects.some((one) => tests.every((test) => test(one)));
  }

  /** The pictures that pass, in the order that is wanted. */
  function matches() {
    const before = (a, b) => SORTS[sort][1](a, b) || a.number - b.number;
    return data.pictures.filter(passes).sort(before);
  }

  /** Whether anything is filtered at all. */
  const active = () =>
    Object.values(chosen).some((values) => values.size) ||
    Object.keys(RANGES).some((name) => !isOpen(name));

  function reset() {
    Object.values(chosen).forEach((values) => values.clear());
    Object.keys(RANGES).forEach((name) => (range[name] = [null, null]));
    show();
  }

  // ---- the address --------------------------------------------------------------------------

  /** What is chosen, as the parts of an address. */
  function write() {
    const said = [];
    for (const [name, values] of Object.entries(chosen)) {
      if (values.size) said.push(`${name}=${[...values].map(encoded).join(",")}`);
    }
    for (const [name, [from, to]] of Object.entries(range)) {
      if (!isOpen(name)) said.push(`${name}=${from ?? ""}~${to ?? ""}`);
    }
    if (sort !== "number") said.push(`sort=${sort}`);
    return said;
  }

  /** Choose what an address says, given as Map of its parts. Nonsense is passed over. */
  function read(said) {
    for (const name of Object.keys(CHOICES)) {
      const values = (said.get(name) || "").split(",").filter((one) => one !== "");
      chosen[name] = new Set(values.map(decoded));
    }
    for (const name of Object.keys(RANGES)) {
      const ends = (said.get(name) || "").split("~");
      range[name] = [ends[0], ends[1]].map(numberOf);
    }
    sort = Object.hasOwn(SORTS, said.get("sort")) ? said.get("sort") : "number";
    show();
  }

  const numberOf = (text) => (text && Number.isFinite(+text) ? +text : null);
  const encoded = (text) => encodeURIComponent(text.toWellFormed?.() ?? text);

  function decoded(text) {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }

  // ---- controls -----------------------------------------------------------------------------

  const show = () => controls.forEach((one) => one());

  /** Build the controls in `form`, and the `select` for the order. `changed` is called whenever
   * somebody has chosen something else. */
  function begin(index, form, select, changed) {
    data = index;
    for (const [name, row] of Object.entries(CHOICES)) form.append(choice(name, row, changed) || "");
    for (const [name, row] of Object.entries(RANGES)) form.append(ends(name, row, changed) || "");
    form.addEventListener("submit", (event) => event.preventDefault());
    const any = (from, bar) => data.pictures.some((picture) => most(picture, from) > bar);
    for (const [name, [words]] of Object.entries(SORTS)) {
      if ((name === "tries" && !any(TRIES, 1)) || (name === "unsure" && !any(SCORE, 0))) continue;
      select.append(element("option", { value: name }, words));
    }
    select.addEventListener("change", () => {
      sort = select.value;
      changed();
    });
    controls.push(() => (select.value = sort));
  }

  /** A value in words. */
  function told(name, value) {
    if (name === "class") return data.classes[value][0] || `class ${value}`;
    if (name === "method") return data.methods[value] ?? value;
    return WORDS[name]?.[value] ?? value;
  }

  /** Each value with how many pictures have it, in the order in which they are listed. */
  function amounts(name, { ofObject, ofPicture }) {
    const counts = new Map();
    for (const picture of data.pictures) {
      const values = new Set(ofObject ? picture.objects.map(ofObject) : ofPicture(picture));
      values.forEach((value) => counts.set(value, (counts.get(value) || 0) + 1));
    }
    const known = name === "class" ? data.classes.keys() : Object.keys(WORDS[name] || {});
    const order = new Set([...known, ...[...counts.keys()].sort()]);
    return [...order].filter((value) => counts.has(value)).map((value) => [value, counts.get(value)]);
  }

  /** Boxes to tick for a choice; null if it would tell nothing apart. That of the classes is the
   * legend, too, and always there. */
  function choice(name, row, changed) {
    if (rejects && row.labelled) return null;
    const counts = amounts(name, row);
    const some = row.ofPicture && counts.length === 1 && counts[0][1] < data.pictures.length;
    if (!counts.length || (counts.length === 1 && !some && name !== "class")) return null;
    const labels = counts.map(([value, amount]) => tick(name, value, amount, changed));
    const narrow = labels.length > 12 ? finder(row.title, labels) : null;
    const list = element("div", { class: "choices" }, ...labels);
    const said = `the ${number(data.grey)} with the fewest objects are grey`;
    const hint = name === "class" && data.grey ? element("span", { class: "hint" }, said) : null;
    return element("fieldset", {}, element("legend", {}, row.title, hint), narrow, list);
  }

  function tick(name, value, amount, changed) {
    const words = told(name, value);
    const box = element("input", { type: "checkbox" });
    box.addEventListener("change", () => {
      if (box.checked) chosen[name].add(String(value));
      else chosen[name].delete(String(value));
      changed();
    });
    controls.push(() => (box.checked = chosen[name].has(String(value))));
    return element(
      "label",
      { title: words.length > 60 ? words : null },
      box,
      name === "class" ? infgen.swatch(data.classes[value][1]) : null,
      element("span", { class: "name" }, words),
      element("span", { class: "amount" }, element("span", { class: "unseen" }, "pictures: "), number(amount)),
    );
  }

  /** A field that narrows a long list. */
  function finder(title, labels) {
    const input = element("input", {
      type: "search",
      class: "find",
      placeholder: `find among ${number(labels.length)}`,
      "aria-label": `${title}: narrow the list`,
    });
    const nameOf = (label) => label.querySelector(".name").textContent.toLowerCase();
    input.addEventListener("input", () => {
      const text = input.value.toLowerCase();
      labels.forEach((label) => (label.hidden = !nameOf(label).includes(text)));
    });
    return input;
  }

  /** Two fields for the ends of a range; null if there is nothing to be found in it. */
  function ends(name, { title, hint, step, ofObject, labelled }, changed) {
    const known = (one) => !Number.isNaN(ofObject(one));
    if (rejects && labelled) return null;
    if (ofObject && !data.pictures.some((picture) => picture.objects.some(known))) return null;
    const inputs = ["from", "to"].map((word, end) => {
      const about = { type: "number", min: "0", step: step || "1", placeholder: word };
      const input = element("input", { ...about, "aria-label": `${title}, ${word}` });
      input.addEventListener("input", () => {
        range[name][end] = numberOf(input.value);
        changed(input);
      });
      controls.push(() => (input.value = range[name][end] ?? ""));
      return input;
    });
    const said = hint ? element("span", { class: "hint" }, hint) : null;
    const fields = element("div", { class: "range" }, inputs[0], "–", inputs[1]);
    return element("fieldset", {}, element("legend", {}, title, said), fields);
  }

  return { begin, matches, active, reset, read, write, told };
})();

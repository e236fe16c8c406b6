"use strict";
(() => {
  const queue = JSON.parse(document.getElementById("queue").textContent);
  const rows = queue.rows, labels = [...queue.labels], shelf = `attune-label-${queue.page}`;
  const COMMANDS = "edsulnwq", LETTERS = "123456789abcfghijkmoprtvxyz";
  const at = (id) => document.getElementById(id);
  let made = [], place = 0, editing = "", saved = 0, kept = true, asked = "";

  // Everything of the rows goes through here: text, never markup.
  const make = (tag, options = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(options)) {
      if (name === "text") node.textContent = value;
      else if (name === "click") node.addEventListener("click", value);
      else if (value !== false) node.setAttribute(name, value === true ? "" : value);
    }
    node.append(...children);
    return node;
  };
  const keyed = (key, text, click, options = {}) =>
    make("button", { type: "button", click, ...options }, make("kbd", { text: key }), document.createTextNode(text));

  // A label of one sign is its own key, others get numbers, then letters; as in the terminal.
  const keysOf = () => {
    const own = labels.filter((label) => label.length === 1 && !COMMANDS.includes(label));
    const free = [...LETTERS].filter((key) => !own.includes(key));
    const keys = new Map(own.map((label) => [label, label]));
    labels.filter((label) => !own.includes(label)).forEach((label, i) => i < free.length && keys.set(free[i], label));
    return keys;
  };

  // The decisions of this page that hold: row -> field -> decision; a dropped row has the field "".
  const standing = () => {
    const of = new Map();
    for (const { index, decision } of made) {
      const list = of.get(index) || of.set(index, []).get(index);
      if (decision.action === "undo") list.pop(); else list.push(decision);
    }
    const held = new Map();
    for (const [index, list] of of) {
      const fields = new Map();
      for (const decision of list) {
        if (decision.action === "drop") fields.clear(); else fields.delete("");
        fields.set(decision.field, decision);
      }
      if (fields.size) held.set(index, fields);
    }
    return held;
  };
  const settles = (row, fields) => fields !== undefined && (fields.has("") || fields.has(row.target));

  const fieldOf = (row, name) => row.fields.find((field) => field.name === name);
  const now = (index, name) => {
    const decision = standing().get(index)?.get(name);
    return decision ? decision.after : fieldOf(rows[index], name).now;
  };

  const note = (action, field = "", before = "", after = "") => {
    const row = rows[place], who = at("who").value.trim();
    if (!who) { tell("Say who decides first."); at("who").focus(); return false; }
    const when = `${new Date().toISOString().slice(0, 19)}Z`;
    made.push({ index: place, decision: { row: row.row, file: row.file, line: row.line, who, when, action, field, before, after, doubt: row.doubt } });
    keep();
    return true;
  };
  const settle = (name, value) => {
    const before = fieldOf(rows[place], name).before;
    const action = value === before ? "keep" : name === "label" ? "relabel" : "edit";
    return note(action, name, before, value);
  };
  const keep = () => {
    try { localStorage.setItem(shelf, JSON.stringify({ made, saved, labels })); } catch { kept = false; }
  };

  const tell = (text) => { at("told").textContent = text; };
  const go = (to) => { place = Math.max(0, Math.min(rows.length, to)); editing = ""; asked = ""; show(); };
  const give = (label) => { if (settle("label", label)) { tell(`${label}, ${where(rows[place])}`); go(place + 1); } };
  const where = (row) => row.place;

  const act = {
    keep() {
      const row = rows[place], value = now(place, row.target);
      if (row.target === "label" && !value) return tell("This row has no label that could be kept.");
      if (settle(row.target, value)) { tell(`Kept, ${where(row)}`); go(place + 1); }
    },
    edit() { editing = rows[place].target === "label" ? "text" : rows[place].target; show(); document.querySelector("textarea").focus(); },
    drop() { if (note("drop")) { tell(`Dropped, ${where(rows[place])}`); go(place + 1); } },
    skip() { tell(""); go(place + 1); },
    back() { tell(""); go(place - 1); },
    undo() {
      const open = [];
      for (const { index, decision } of made) if (decision.action === "undo") open.splice(open.lastIndexOf(index), 1); else open.push(index);
      if (!open.length) return tell("There is nothing to undo.");
      go(open.at(-1));
      if (note("undo")) { tell(`Taken back, ${where(rows[place])}`); show(); }
    },
    another() { at("another")?.focus(); },
    save() {
      const text = made.map(({ decision }) => `${JSON.stringify(decision)}\n`).join("");
      const link = make("a", { href: URL.createObjectURL(new Blob([text], { type: "application/jsonl" })), download: queue.save });
      document.body.append(link);
      link.click();
      link.remove();
      saved = made.length;
      keep();
      tell(`Saved as ${queue.save}.`);
      show();
    },
  };

  const finishEdit = (value) => {
    const name = editing;
    if (!value.trim()) return tell("The text is empty: write one, or drop the row.");
    if (value === now(place, name)) { editing = ""; return show(); }
    if (!settle(name, value)) return;
    editing = "";
    tell(`Edited, ${where(rows[place])}`);
    if (name === rows[place].target) go(place + 1); else show();
  };
  const named = (text) => {
    text = text.trim();
    if (!text) return;
    const begin = labels.filter((label) => label.startsWith(text));
    if (labels.includes(text)) return give(text);
    if (begin.length === 1 && asked !== text) { tell(`Enter again for “${begin[0]}”.`); asked = begin[0]; at("another").value = begin[0]; return; }
    if (asked !== text) { asked = text; return tell(`“${text}” would be a new label: Enter again to use it.`); }
    labels.push(text);
    give(text);
  };

  const fieldView = (row, field, index) => {
    const isTarget = row.target === "label" || field.name === row.target;
    const value = now(index, field.name);
    const box = make("section", { class: isTarget ? "field" : "field context" });
    if (row.target !== "label") box.append(make("h3", { text: field.title }));
    if (editing !== field.name) {
      box.append(make("p", { class: value.length > 1500 || value.split("\n").length > 18 ? "body long" : "body", dir: "auto", text: value, tabindex: value.length > 1500 && "0" }));
      return box;
    }
    const area = make("textarea", { dir: "auto", "aria-label": field.title });
    area.value = value;
    area.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { editing = ""; show(); }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); finishEdit(area.value); }
    });
    box.append(area, make("p", {}, make("button", { type: "button", class: "primary", text: "Use this text", click: () => finishEdit(area.value) }), " ",
      make("button", { type: "button", text: "Cancel", click: () => { editing = ""; show(); } })));
    return box;
  };

  const labelView = (row, index, fields) => {
    const box = make("div", { class: "labels", role: "group", "aria-label": "Labels" });
    const chosen = fields?.get("label"), current = now(index, "label");
    for (const [key, label] of keysOf()) {
      const style = [label === current && "now", label === row.suggestion && "hint"].filter(Boolean).join(" ");
      box.append(keyed(key, label, () => give(label), { class: style, dir: "auto", "aria-pressed": String(label === current) }));
    }
    const another = make("input", { id: "another", placeholder: "another label", "aria-label": "Another label", spellcheck: "false" });
    another.addEventListener("keydown", (event) => {
      if (event.key === "Enter") named(another.value);
      if (event.key === "Escape") another.blur();
      event.stopPropagation();
    });
    box.append(another);
    const said = chosen ? `decided: ${chosen.after}` : current ? `now: ${current}` : "no label yet";
    box.append(make("p", { class: "note", text: said, dir: "auto" }));
    return box;
  };

  const show = () => {
    const held = standing(), done = rows.filter((row, index) => settles(row, held.get(index))).length;
    at("count").textContent = place < rows.length ? `${place + 1} of ${rows.length}` : "The end";
    at("tally").textContent = `${done} decided${made.length > saved ? `, ${made.length - saved} not saved` : ""}${kept ? "" : ", not kept when the page closes"}`;
    at("progress").style.width = `${(100 * done) / rows.length}%`;
    at("save").disabled = !made.length;
    const view = at("row"), actions = at("actions");
    view.replaceChildren();
    actions.replaceChildren();
    if (place === rows.length) {
      const left = rows.length - done;
      view.append(make("div", { class: "done" }, make("h1", { text: left ? `${left} rows are not decided` : "Every row is decided" }),
        make("p", { class: "lede", text: "Save the decisions, then add them to those of the data." })));
      actions.append(keyed("←", "back", act.back), keyed("u", "undo", act.undo));
      return;
    }
    const row = rows[place], fields = held.get(place);
    const state = fields?.has("") ? "dropped" : settles(row, fields) ? fields.get(row.target).action === "keep" ? "kept" : "changed" : "";
    view.append(make("p", { class: "where" }, make("span", { class: "place", text: where(row), dir: "auto" }),
      ...(state ? [make("span", { class: `pill ${state === "dropped" ? "worse" : "better"}`, text: state })] : [])));
    for (const field of row.fields) if (field.name !== "label") view.append(fieldView(row, field, place));
    view.append(make("ul", { class: "reasons" }, ...Object.entries(row.reasons).map(([check, why]) =>
      make("li", { dir: "auto" }, make("span", { class: "pill warn", text: why }), make("span", { class: "note", text: check })))));
    if (row.target === "label") view.append(labelView(row, place, fields));
    actions.append(keyed("Enter", "keep", act.keep), keyed("e", "edit", act.edit), keyed("d", "drop", act.drop),
      keyed("s", "skip", act.skip), keyed("u", "undo", act.undo, { disabled: !made.length }), keyed("←", "back", act.back, { disabled: place === 0 }));
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "Enter" && event.target.tagName === "BUTTON") return;
    const step = { u: act.undo, ArrowLeft: act.back }[event.key];
    const open = place < rows.length && { Enter: act.keep, e: act.edit, d: act.drop, s: act.skip, ArrowRight: act.skip, l: act.another, n: act.another }[event.key];
    const label = place < rows.length && rows[place].target === "label" && keysOf().get(event.key);
    if (!step && !open && !label) return;
    event.preventDefault();
    if (label) give(label); else (step || open)();
  });
  at("save").addEventListener("click", act.save);
  at("who").value = queue.who;
  at("command").textContent = queue.command;
  window.addEventListener("beforeunload", (event) => { if (!kept && made.length > saved) event.preventDefault(); });
  try {
    const before = JSON.parse(localStorage.getItem(shelf) || "null");
    if (before) { made = before.made; saved = before.saved; labels.splice(0, labels.length, ...before.labels); }
  } catch { kept = false; }
  const held = standing();
  const first = rows.findIndex((row, index) => !settles(row, held.get(index)));
  go(first < 0 ? rows.length : first);
})();

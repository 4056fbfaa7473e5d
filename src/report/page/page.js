"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
// Okabe and Ito's palette, safe for colour blindness; grey stands for black on dark paper.
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#888888"];
const DASHES = ["", "6 4", "2 3"];
const colour = (i) => COLOURS[i % COLOURS.length];
const dash = (i) => DASHES[Math.floor(i / COLOURS.length) % DASHES.length];

function element(name, attributes = {}, ...children) {
  const isSvg = ["svg", "path", "line", "text", "g", "rect", "circle", "title"].includes(name);
  const made = isSvg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

/** A value for people, with so many digits behind the point, or as many as tell its size. */
function text(value, digits = null) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (digits !== null) return value.toFixed(digits);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-3 ? value.toExponential(2) : value.toFixed(size >= 10 ? 2 : 4);
}

const place = (id) => document.getElementById(id);
const tip = element("div", { class: "tip", hidden: "", role: "status" });
document.body.append(tip);

function showTip(event, lines) {
  tip.replaceChildren(...lines.flatMap((line, i) => (i ? [element("br"), line] : [line])));
  tip.hidden = false;
  const { width, height } = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - width - 8))}px`;
  tip.style.top = `${Math.max(4, Math.min(event.clientY + 12, innerHeight - height - 8))}px`;
}
const hideTip = () => { tip.hidden = true; };

/** A table whose columns sort; cells are numbers, texts, or [shown, sorted by]. */
function table(head, rows, name) {
  const shown = (cell) => (Array.isArray(cell) ? cell[0] : cell);
  const key = (cell) => (Array.isArray(cell) ? cell[1] : cell);
  // Numbers of a column have as many digits; a deviation has those of its mean.
  const digits = head.map((_, i) => {
    const numbers = rows.map((row) => key(row[i])).filter((value) => typeof value === "number");
    if (!numbers.length || numbers.every(Number.isInteger)) return null;
    return numbers.some((value) => Math.abs(value) >= 10) ? 2 : 4;
  });
  head.forEach((label, i) => { if (["±", "sd"].includes(label)) digits[i] = digits[i - 1]; });
  const isText = head.map((_, i) => rows.some((row) => typeof key(row[i]) === "string"));
  const body = element("tbody");
  const fill = (order) => body.replaceChildren(...order.map((row) => element("tr", {},
    ...row.map((cell, i) => {
      const content = shown(cell);
      const td = element("td", isText[i] ? { class: "text" } : {});
      td.append(content instanceof Node ? content.cloneNode(true) : text(content, typeof content === "number" ? digits[i] : null));
      return td;
    }))));
  let [by, up] = [-1, true];
  const heads = head.map((label, i) => {
    const th = element("th", { scope: "col", ...(isText[i] ? { class: "text" } : {}) });
    th.append(element("button", { type: "button", onclick: () => {
      [by, up] = [i, by === i ? !up : true];
      const value = (row) => key(row[i]);
      const order = [...rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (x === null || y === null) return (x === null) - (y === null);
        const compared = typeof x === "number" && typeof y === "number" ? x - y
          : String(x).localeCompare(String(y), "en", { numeric: true });
        return up ? compared : -compared;
      });
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      th.setAttribute("aria-sort", up ? "ascending" : "descending");
      fill(order);
    } }, label));
    return th;
  });
  fill(rows);
  const made = element("table", { "aria-label": name }, element("thead", {}, element("tr", {}, ...heads)), body);
  return element("div", { class: "scroll" }, made);
}

function ticks(least, most, count, finest = 0) {
  const raw = Math.max(finest, (most - least) / count);
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * [1, 2, 5, 10].find((factor) => factor * unit >= raw);
  const found = [];
  for (let at = Math.ceil(least / step) * step; at <= most + step * 1e-9; at += step) found.push(at);
  return [found, Math.max(0, -Math.floor(Math.log10(step) + 1e-9))];
}

/** A chart of lines {name, points: [[x, y]], style}, with the values under the pointer. */
function chart(name, xName, lines, marks = []) {
  const [W, H, L, R, T, B] = [520, 320, 56, 12, 28, 38];
  const all = lines.flatMap((line) => line.points);
  const svg = element("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `${name} over ${xName}` });
  svg.append(element("title", {}, `${name} over ${xName}`));
  svg.append(element("text", { x: L, y: 16, class: "name" }, name));
  if (!all.length) return element("figure", {}, svg);
  const xs = all.map((point) => point[0]), ys = all.map((point) => point[1]);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  let [y0, y1] = [Math.min(...ys), Math.max(...ys)];
  const room = (y1 - y0) * 0.05 || Math.abs(y1) * 0.01 || 1;
  [y0, y1] = [y0 - room, y1 + room];
  const x = (value) => L + (W - L - R) * (x1 > x0 ? (value - x0) / (x1 - x0) : 0.5);
  const y = (value) => H - B - (H - T - B) * (value - y0) / (y1 - y0);
  const [yTicks, yDigits] = ticks(y0, y1, 5);
  for (const value of yTicks) {
    svg.append(element("line", { class: "axis", x1: L, x2: W - R, y1: y(value), y2: y(value) }));
    svg.append(element("text", { x: L - 6, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(yDigits)));
  }
  const [xTicks, xDigits] = x1 > x0 ? ticks(x0, x1, 6, 1) : [[x0], 0];
  for (const value of xTicks) {
    svg.append(element("text", { x: x(value), y: H - B + 16, "text-anchor": "middle" }, value.toFixed(xDigits)));
  }
  svg.append(element("text", { x: (L + W - R) / 2, y: H - 6, "text-anchor": "middle" }, xName));
  for (const mark of marks.filter((mark) => mark >= x0 && mark <= x1)) {
    svg.append(element("line", { class: "axis", x1: x(mark), x2: x(mark), y1: H - B, y2: H - B - 6 }));
  }
  lines.forEach((line) => {
    const path = line.points.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
    svg.append(element("path", { d: path, fill: "none", stroke: colour(line.style), "stroke-width": 2, "stroke-dasharray": dash(line.style) }));
  });
  const guide = element("line", { class: "axis", y1: T, y2: H - B, visibility: "hidden" });
  svg.append(guide);
  const move = (event) => {
    const box = svg.getBoundingClientRect();
    const at = (event.clientX - box.left) * W / box.width;
    const nearest = xs.reduce((best, value) => (Math.abs(x(value) - at) < Math.abs(x(best) - at) ? value : best), xs[0]);
    guide.setAttribute("x1", x(nearest));
    guide.setAttribute("x2", x(nearest));
    guide.setAttribute("visibility", "visible");
    const here = lines.flatMap((line) => line.points.filter((point) => point[0] === nearest).map((point) => [line.name, point[1]]));
    here.sort((a, b) => b[1] - a[1]);
    showTip(event, [`${xName} ${text(nearest)}`, ...here.slice(0, 12).map(([label, value]) => `${label}: ${text(value)}`)]);
  };
  svg.addEventListener("pointermove", move);
  svg.addEventListener("pointerleave", () => { hideTip(); guide.setAttribute("visibility", "hidden"); });
  return element("figure", {}, svg);
}

function keyOf(style, label) {
  const line = element("span", { class: "key", style: `border-color:${colour(style)};border-top-style:${dash(style) ? "dashed" : "solid"}` });
  return element("span", {}, line, label);
}

/** A layer's connections, darker where there are more; the wheel or a tap looks closer. */
function mask(layer) {
  const { width, height } = layer.mask;
  const bytes = Uint8Array.from(atob(layer.mask.shade), (c) => c.charCodeAt(0));
  const canvas = element("canvas", { width, height, tabindex: "0", role: "img",
    "aria-label": `connections of layer ${layer.number}: ${layer.inputs} inputs across, ${layer.neurons} neurons down` });
  const whole = document.createElement("canvas");
  [whole.width, whole.height] = [width, height];
  const image = whole.getContext("2d").createImageData(width, height);
  bytes.forEach((shade, i) => image.data.set([0, 114, 178, shade], 4 * i));
  whole.getContext("2d").putImageData(image, 0, 0);
  let view = { x: 0, y: 0, zoom: 1 };
  const draw = () => {
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, width, height);
    context.drawImage(whole, view.x, view.y, width / view.zoom, height / view.zoom, 0, 0, width, height);
  };
  const look = (fx, fy, factor) => {
    const zoom = Math.max(1, Math.min(32, view.zoom * factor));
    const [cx, cy] = [view.x + fx * width / view.zoom, view.y + fy * height / view.zoom];
    view = { zoom, x: Math.max(0, Math.min(width - width / zoom, cx - fx * width / zoom)),
      y: Math.max(0, Math.min(height - height / zoom, cy - fy * height / zoom)) };
    draw();
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  canvas.addEventListener("wheel", (event) => { event.preventDefault(); look(...at(event), event.deltaY < 0 ? 1.25 : 0.8); }, { passive: false });
  canvas.addEventListener("click", (event) => look(...at(event), view.zoom >= 32 ? 1 / 32 : 2));
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "+") look(0.5, 0.5, 1.25);
    if (event.key === "-") look(0.5, 0.5, 0.8);
  });
  canvas.addEventListener("pointermove", (event) => {
    const [fx, fy] = at(event);
    const input = Math.floor((view.x + fx * width / view.zoom) / width * layer.inputs);
    const neuron = Math.floor((view.y + fy * height / view.zoom) / height * layer.neurons);
    showTip(event, [`input ${text(input)}, neuron ${text(neuron)} and around`]);
  });
  canvas.addEventListener("pointerleave", hideTip);
  draw();
  return element("figure", {}, canvas, element("figcaption", {}, `layer ${layer.number}: ${text(layer.inputs)} inputs → ${text(layer.neurons)} neurons, ${text(layer.nnz)} connections; a click or the wheel looks closer`));
}

// Groups of runs: a row each, with the key of its line.
place("groups").append(table(data.groupHead, data.groups.map((group, i) =>
  [[keyOf(i, group.label), group.label], ...group.cells]), "groups of runs"));
place("curves").append(...data.curves.map((curve) => chart(curve.name, "epoch",
  curve.lines.map((points, i) => ({ name: data.groups[i].label, points, style: i })).filter((line) => line.points.length),
  data.marks)));
place("runs").append(table(data.runHead, data.runs, "all runs"));

const choice = place("which");
data.topologies.forEach((topology, i) => choice.append(element("option", { value: i }, topology.label)));
function showTopology() {
  const topology = data.topologies[choice.value];
  if (!topology) return;
  const lines = (of) => topology.layers.map((layer, i) => ({ name: `layer ${layer.number}`, points: layer[of], style: i }));
  place("topology").replaceChildren(
    ...[["fan-in", "neuron, by rank", "fanIn"], ["fan-out", "input, by rank", "fanOut"]].map(([name, over, of]) => {
      const figure = chart(name, over, lines(of));
      const keys = topology.layers.map((layer, i) => element("span", { class: "of-layer" }, keyOf(i, `layer ${layer.number}`)));
      figure.append(element("figcaption", {}, ...keys));
      return figure;
    }),
    ...topology.layers.map(mask));
}
choice.addEventListener("change", showTopology);
if (data.topologies.length) showTopology();
else place("topologies").hidden = true;

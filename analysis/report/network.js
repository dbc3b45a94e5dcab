// Draws every .network on the page: balls coloured by Damage, contacts as lines, painted from far
// to near on a plain canvas. Drag or arrow keys turn, wheel, pinch or + and - zoom, 0 resets.
"use strict";
for (const host of document.querySelectorAll(".network")) {
  const scene = JSON.parse(host.querySelector("script").textContent);
  const canvas = host.querySelector("canvas"), tip = host.querySelector(".tip");
  const sizeInput = host.querySelector("[name=size]"), fromInput = host.querySelector("[name=from]");
  const linesInput = host.querySelector("[name=lines]"), fromText = host.querySelector("output");
  const context = canvas.getContext("2d"), { nodes, edges, colours, unknown, unit: length, top, box } = scene;
  const reach = Math.hypot(...box) / 2 + Math.max(...nodes.map((n) => n[3]));
  const start = { azimuth: -0.66, elevation: 0.38, zoom: 1 };
  let view = { ...start }, placed = [], waiting = false;

  // A shaded ball per colour and distance, drawn once and stamped for every particle: far balls
  // fade towards the paper and still hide what is behind them.
  const FADES = 6, balls = new Map();
  function ball(colour, fade) {
    const key = `${colour} ${fade}`;
    if (balls.has(key)) return balls.get(key);
    const stamp = document.createElement("canvas"), r = 48;
    stamp.width = stamp.height = 2 * r;
    const c = stamp.getContext("2d");
    c.fillStyle = colour;
    c.beginPath(); c.arc(r, r, r - 1, 0, 2 * Math.PI); c.fill();
    const light = c.createRadialGradient(0.66 * r, 0.6 * r, 0.05 * r, r, r, r);
    light.addColorStop(0, "rgba(255,255,255,.55)");
    light.addColorStop(0.45, "rgba(255,255,255,0)");
    light.addColorStop(0.8, "rgba(0,0,0,.12)");
    light.addColorStop(1, "rgba(0,0,0,.42)");
    c.fillStyle = light;
    c.beginPath(); c.arc(r, r, r - 1, 0, 2 * Math.PI); c.fill();
    c.fillStyle = `rgba(255,255,255,${(0.6 * (FADES - fade)) / FADES})`;
    c.beginPath(); c.arc(r, r, r, 0, 2 * Math.PI); c.fill();
    balls.set(key, stamp);
    return stamp;
  }
  const colourOf = (damage) =>
    damage === null ? unknown : colours[Math.min(colours.length - 1, Math.max(0, Math.floor((colours.length * damage) / top)))];

  const corner = (k) => box.map((length, axis) => (k & (1 << axis) ? length : -length) / 2);

  function project([x, y, z]) {
    const ca = Math.cos(view.azimuth), sa = Math.sin(view.azimuth);
    const ce = Math.cos(view.elevation), se = Math.sin(view.elevation);
    const right = ca * x + sa * y, back = -sa * x + ca * y;
    const near = -ce * back - se * z, k = 1 / (1 - near / (4 * reach));
    return [right * k, -(-ce * z + se * back) * k, near, k];
  }

  // How far the box reaches from the middle as it is first seen: what must fit on the canvas.
  const extent = [0, 1].map((axis) =>
    Math.max(1e-6, ...[0, 1, 2, 3, 4, 5, 6, 7].map((k) => Math.abs(project(corner(k))[axis]))));

  function draw() {
    waiting = false;
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const unit = view.zoom * Math.min(width / (2.5 * extent[0]), height / (2.3 * extent[1]));
    const screen = (p) => [width / 2 + unit * p[0], height / 2 + unit * p[1]];
    const size = sizeInput.value / 100, from = (fromInput.value / 100) * top;
    fromText.textContent = `${(100 * from).toFixed(from < 0.1 ? 1 : 0)} %`;
    const shown = nodes.map((n) => from === 0 || (n[4] ?? 0) >= from);
    const at = nodes.map(project), jobs = [];
    placed = [];
    drawBox(screen);
    nodes.forEach((n, i) => { if (shown[i]) jobs.push([at[i][2], i, -1]); });
    if (linesInput.checked)
      for (const [a, b] of edges)
        if (shown[a] && shown[b]) jobs.push([(at[a][2] + at[b][2]) / 2 - 1e-6, a, b]);
    jobs.sort((a, b) => a[0] - b[0]);
    for (const [near, a, b] of jobs) {
      const closeness = Math.min(1, Math.max(0, (near / reach + 1) / 2));
      const [x, y] = screen(at[a]);
      if (b < 0) {
        const r = Math.max(1, unit * at[a][3] * nodes[a][3] * size);
        const stamp = ball(colourOf(nodes[a][4]), Math.round(FADES * closeness));
        context.drawImage(stamp, x - r, y - r, 2 * r, 2 * r);
        placed.push([x, y, r, a]);
      } else {
        const [u, v] = screen(at[b]);
        context.strokeStyle = `rgba(40,48,56,${0.15 + 0.6 * closeness})`;
        context.lineWidth = 1;
        context.beginPath(); context.moveTo(x, y); context.lineTo(u, v); context.stroke();
      }
    }
  }

  function drawBox(screen) {
    context.strokeStyle = "#c9d0d6";
    context.fillStyle = "#5b6570";
    context.lineWidth = 1;
    context.font = "12px system-ui, sans-serif";
    for (let k = 0; k < 8; k++)
      for (let axis = 0; axis < 3; axis++) {
        if (k & (1 << axis)) continue;
        const p = screen(project(corner(k))), q = screen(project(corner(k | (1 << axis))));
        context.beginPath(); context.moveTo(...p); context.lineTo(...q); context.stroke();
        if (k > 0) continue;
        const text = `${"XYZ"[axis]} ${box[axis].toFixed(0)} ${length}`;
        const room = canvas.clientWidth - context.measureText(text).width - 4;
        context.fillText(text, Math.max(4, Math.min(q[0] + 4, room)), q[1] - 4);
      }
  }

  const redraw = () => { if (!waiting) { waiting = true; requestAnimationFrame(draw); } };
  const turn = (dx, dy) => {
    view.azimuth += dx;
    view.elevation = Math.min(1.57, Math.max(-1.57, view.elevation + dy));
    redraw();
  };
  const zoom = (factor) => { view.zoom = Math.min(12, Math.max(0.4, view.zoom * factor)); redraw(); };
  const reset = () => { view = { ...start }; redraw(); };

  function name(x, y) {
    const hit = placed.findLast(([px, py, r]) => (px - x) ** 2 + (py - y) ** 2 <= r * r);
    tip.style.display = hit ? "block" : "none";
    if (!hit) return;
    const n = nodes[hit[3]];
    const damage = n[4] === null ? "unknown" : `${(100 * n[4]).toFixed(1)} %`;
    tip.textContent = `particle ${n[5]}: Damage ${damage}, diameter ${(2 * n[3]).toFixed(2)} ${length}`;
    tip.style.left = `${Math.max(0, Math.min(x + 12, canvas.clientWidth - tip.offsetWidth - 4))}px`;
    tip.style.top = `${Math.max(0, y - 34)}px`;
  }

  const fingers = new Map();
  canvas.addEventListener("pointerdown", (e) => {
    fingers.set(e.pointerId, [e.offsetX, e.offsetY]);
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener("pointermove", (e) => {
    const last = fingers.get(e.pointerId);
    if (!last) return name(e.offsetX, e.offsetY);
    const other = [...fingers].find(([id]) => id !== e.pointerId)?.[1];
    if (other) {
      const before = Math.hypot(last[0] - other[0], last[1] - other[1]);
      zoom(Math.hypot(e.offsetX - other[0], e.offsetY - other[1]) / Math.max(before, 1));
    } else turn(-0.008 * (e.offsetX - last[0]), 0.008 * (e.offsetY - last[1]));
    fingers.set(e.pointerId, [e.offsetX, e.offsetY]);
  });
  for (const end of ["pointerup", "pointercancel"])
    canvas.addEventListener(end, (e) => fingers.delete(e.pointerId));
  canvas.addEventListener("pointerleave", () => { tip.style.display = "none"; });
  canvas.addEventListener("dblclick", reset);
  // The page still scrolls past the picture: the wheel zooms only once the picture has the focus.
  canvas.addEventListener("wheel", (e) => {
    if (document.activeElement !== canvas && !e.ctrlKey) return;
    e.preventDefault();
    zoom(Math.exp(-0.0015 * e.deltaY));
  }, { passive: false });
  canvas.addEventListener("keydown", (e) => {
    const keys = {
      ArrowLeft: () => turn(0.1, 0), ArrowRight: () => turn(-0.1, 0),
      ArrowUp: () => turn(0, -0.1), ArrowDown: () => turn(0, 0.1),
      "+": () => zoom(1.15), "-": () => zoom(1 / 1.15), 0: reset,
    };
    if (keys[e.key]) { e.preventDefault(); keys[e.key](); }
  });
  for (const input of [sizeInput, fromInput, linesInput]) input.addEventListener("input", redraw);
  new ResizeObserver(redraw).observe(canvas);
  window.addEventListener("beforeprint", draw);
  draw();
}

"""What the browser is asked: which text is cut, over other text, or outside the window."""

LOOKS = r"""
// With `longer`, labels first become as long as German ones: a third more.
(longer) => {
  const LABELS = "label, button, .btn, th, dt, h1, h2, h3, nav a, summary, .chip, .help";
  const NO_LABELS = "select, script, style, template, dialog";
  const UNSEEN = ".sr, .skip, .toasts, select, [popover]:not(:popover-open), dialog:not([open])";
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const nodes = [];
  while (walker.nextNode()) if (walker.currentNode.data.trim()) nodes.push(walker.currentNode);
  if (longer)
    for (const node of nodes)
      if (node.parentElement.closest(LABELS) && !node.parentElement.closest(NO_LABELS)) {
        const text = node.data.trimEnd();
        node.data = text + " " + "lang ".repeat(Math.ceil((text.trim().length * 0.35) / 5)).trim();
      }

  const faults = [], shown = [];
  const name = (element) => `<${element.tagName.toLowerCase()} ${element.getAttribute("class") ?? ""}>`;
  const seen = (element) =>
    element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true }) && !element.closest(UNSEEN);
  const within = (rect, box) => ({
    left: Math.max(rect.left, box.left), right: Math.min(rect.right, box.right),
    top: Math.max(rect.top, box.top), bottom: Math.min(rect.bottom, box.bottom),
  });
  const lifted = (element) => {
    for (let up = element; up; up = up.parentElement)
      if (/fixed|sticky/.test(getComputedStyle(up).position) || up.matches(".menu")) return up;
    return null;
  };

  for (const node of nodes) {
    const element = node.parentElement;
    if (!element || !seen(element)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const rects = [...range.getClientRects()].filter((rect) => rect.width > 1 && rect.height > 1);
    if (!rects.length) continue;
    const text = node.data.trim().slice(0, 40);
    let clip = { left: -Infinity, right: Infinity, top: -Infinity, bottom: Infinity };
    let says = false, scrolls = false;  // an ellipsis says that there is more; what scrolls can be read
    for (let up = element; up && up !== document.body; up = up.parentElement) {
      const style = getComputedStyle(up);
      if (style.textOverflow === "ellipsis") says = true;
      if (/auto|scroll/.test(style.overflowX + style.overflowY)) scrolls = true;
      if (!/hidden|clip/.test(style.overflowX)) continue;
      const box = up.getBoundingClientRect();
      const isCut = rects.some((rect) => rect.left < box.left - 1.5 || rect.right > box.right + 1.5);
      if (isCut && !says && !scrolls) faults.push(`cut: "${text}" in ${name(up)}`);
      clip = within(clip, box);
    }
    if (scrolls) continue;
    if (!says && rects.some((rect) => rect.right > innerWidth + 1)) faults.push(`outside: "${text}" ${name(element)}`);
    shown.push({ element, text, rects: rects.map((rect) => within(rect, clip)), layer: lifted(element) });
  }

  for (const [place, one] of shown.entries())
    for (const other of shown.slice(place + 1)) {
      if (one.layer !== other.layer) continue;
      const covers = one.rects.some((first) => other.rects.some((second) => {
        const both = within(first, second);
        return both.right - both.left > 2 && both.bottom - both.top > 5;
      }));
      if (covers) faults.push(`over each other: "${one.text}" and "${other.text}" ${name(other.element)}`);
    }
  return [...new Set(faults)];
}
"""

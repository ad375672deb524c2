// Texts whose contrast with what lies behind them is less than WCAG's AA asks for (4.5; of large text 3), and
// colours of marks with less than the 3 that it asks for of graphics. The body of a function.
const parse = (colour) => {
  const numbers = colour.match(/-?[\d.]+(e-?\d+)?/g).map(Number);
  const unit = colour.startsWith("color(") ? 255 : 1;
  return [...numbers.slice(0, 3).map((part) => part * unit), numbers.length > 3 ? numbers[3] : 1];
};
const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
const luminance = (colour) => {
  const [red, green, blue] = colour.slice(0, 3).map((part) => linear(part / 255));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const ratio = (a, b) => {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (high + 0.05) / (low + 0.05);
};
const behind = (element) => {
  const layers = [];
  for (let one = element; one; one = one.parentElement) {
    if (one instanceof SVGElement) {
      // A number in the cell of a heat map stands on the rectangle before it.
      if (!one.classList.contains("incell")) continue;
      layers.push(parse(getComputedStyle(one.previousElementSibling).fill));
    } else {
      layers.push(parse(getComputedStyle(one).backgroundColor));
    }
    if (layers.at(-1)[3] === 1) break;
  }
  return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
};
const silent = new Set(["script", "style", "title", "desc", "option"]);
const texts = [];
for (const element of document.body.querySelectorAll("*")) {
  const says = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
  if (!says || silent.has(element.tagName.toLowerCase()) || !element.checkVisibility()) continue;
  const style = getComputedStyle(element);
  const below = behind(element);
  const contrast = ratio(over(parse(element instanceof SVGElement ? style.fill : style.color), below), below);
  const size = parseFloat(style.fontSize);
  const large = size >= 24 || (size >= 18.6 && Number(style.fontWeight) >= 700);
  if (contrast < (large ? 3 : 4.5)) {
    texts.push(`${contrast.toFixed(2)} ${element.tagName} ${element.textContent.trim().slice(0, 40)}`);
  }
}
const marks = [];
const page = parse(getComputedStyle(document.body).backgroundColor);
const looks = ["s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "gain", "loss", "q0", "q1", "q2", "q3", "q4", "qn"];
for (const look of looks) {
  const mark = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  mark.setAttribute("class", `${look} bar`);
  document.querySelector("figure svg[role=img]").append(mark);
  const contrast = ratio(parse(getComputedStyle(mark).fill), page);
  if (contrast < 3) marks.push(`${contrast.toFixed(2)} ${look}`);
  mark.remove();
}
return { texts, marks };

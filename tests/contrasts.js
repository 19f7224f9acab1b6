// [text, contrast] of every piece of text on the page, against what is painted right behind it.
(() => {
  const numbers = color => (color.match(/[\d.]+/g) || []).map(Number);
  const light = ([red, green, blue]) => {
    const [r, g, b] = [red, green, blue].map(level => level / 255)
      .map(level => level <= 0.04045 ? level / 12.92 : ((level + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const over = (front, back) => {
    const share = front.length > 3 ? front[3] : 1;
    return back.map((level, place) => share * front[place] + (1 - share) * level);
  };
  const behind = (element, x, y) => {
    let color = numbers(getComputedStyle(document.body).backgroundColor).slice(0, 3);
    for (const below of document.elementsFromPoint(x, y).reverse()) {
      if (below === element || element.contains(below) || below instanceof SVGTextContentElement) continue;
      const style = getComputedStyle(below);
      const paint = below instanceof SVGGeometryElement ? style.fill : style.backgroundColor;
      if (!paint || paint === "none") continue;
      const value = numbers(paint);
      if (below instanceof SVGGeometryElement) value[3] = (value[3] ?? 1) * style.fillOpacity * style.opacity;
      color = over(value, color);
    }
    return color;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode.nodeValue.trim(), element = walker.currentNode.parentElement;
    if (!text || ["STYLE", "SCRIPT"].includes(element.tagName)) continue;
    const range = document.createRange();
    range.selectNodeContents(walker.currentNode);
    const box = range.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    const style = getComputedStyle(element);
    const back = behind(element, box.x + box.width / 2, box.y + box.height / 2);
    const ink = numbers(element instanceof SVGElement ? style.fill : style.color);
    const [one, other] = [light(over(ink, back)), light(back)];
    found.push([text.slice(0, 40), (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)]);
  }
  return found;
})()

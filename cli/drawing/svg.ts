import type { Picture } from "../pictures/picture.ts";
import { isPng } from "../pictures/png.ts";
import { BACKGROUND, type Scene, type Shape } from "./scene.ts";

/** The drawing as SVG 1.1, with its pictures inside. */
export function toSvg({ width, height, layers, shapes }: Scene): string {
  const size = `width="${width}" height="${height}"`;
  const pictures = layers.map(({ picture, opacity }) =>
    `<image${opacityOf(opacity)} xlink:href="${dataUrl(picture)}"/>`
  );
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${size} ` +
    `viewBox="0 0 ${width} ${height}">`,
    `<rect ${size} fill="${BACKGROUND}"/>`,
    ...pictures,
    // (0, 0) of the points is the centre of a pixel, of SVG its corner
    '<g transform="translate(0.5 0.5)" fill="none" stroke-linecap="round" stroke-linejoin="round">',
    ...shapes.map(element),
    "</g>",
    "</svg>\n",
  ].join("\n");
}

function element(shape: Shape): string {
  switch (shape.kind) {
    case "line":
      return `<polyline points="${pairs(shape.xy)}" stroke="${shape.colour}" ` +
        `stroke-width="${short(shape.width)}"${opacityOf(shape.opacity)}/>`;
    case "area":
      return `<polygon points="${pairs(shape.xy)}" fill="${shape.colour}"` +
        `${opacityOf(shape.opacity)}/>`;
    case "disc":
      return `<circle cx="${short(shape.x)}" cy="${short(shape.y)}" r="${short(shape.radius)}" ` +
        `fill="${shape.colour}"${opacityOf(shape.opacity)}/>`;
    case "text":
      return `<text x="${short(shape.x)}" y="${short(shape.y)}" font-family="monospace" ` +
        `font-size="${short(shape.size)}" fill="${shape.colour}">${escaped(shape.text)}</text>`;
  }
}

/** @throws {Error} for grey levels, which have no file to put inside */
function dataUrl(picture: Picture): string {
  if (!(picture instanceof Uint8Array)) throw new Error("Cannot put grey levels into SVG");
  const type = isPng(picture) ? "png" : "jpeg";
  return `data:image/${type};base64,${picture.toBase64()}`;
}

function opacityOf(opacity = 1): string {
  return opacity === 1 ? "" : ` opacity="${short(opacity)}"`;
}

function pairs(xy: readonly number[]): string {
  return xy.map(short).join(" ");
}

function short(value: number): string {
  return `${Math.round(value * 100) / 100}`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

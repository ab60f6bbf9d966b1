/** Vertex and fragment shader of one kind of thing on the stage. */
export interface Shaders {
  vertex: string;
  fragment: string;
}

/** From canvas pixels, y down, to clip space; and the corners of a square, by their number. */
const COMMON = `#version 300 es
uniform vec2 canvas;
vec4 clip(vec2 at) { return vec4(at / canvas * vec2(2, -2) + vec2(-1, 1), 0, 1); }
vec2 corner() { return vec2(gl_VertexID & 1, gl_VertexID >> 1); }
`;

/** What fragment shaders begin with: colours are given straight and painted premultiplied. */
const PAINT = `#version 300 es
precision highp float;
out vec4 painted;
vec4 premultiplied(vec4 colour) { return vec4(colour.rgb * colour.a, colour.a); }
`;

export const FRAME: Shaders = {
  vertex: `${COMMON}
uniform vec4 place;
uniform float mirrored;
out vec2 texel;
void main() {
  vec2 at = corner();
  texel = vec2(mix(at.x, 1.0 - at.x, mirrored), at.y);
  gl_Position = clip(place.xy + at * place.zw);
}`,
  fragment: `${PAINT}
uniform sampler2D frame;
in vec2 texel;
void main() { painted = vec4(texture(frame, texel).rgb, 1); }`,
};

/** Edges are smoothed over a pixel, so squares are half a pixel larger all around. */
export const SEGMENT: Shaders = {
  vertex: `${COMMON}
layout(location = 0) in vec4 ends;
layout(location = 1) in float width;
layout(location = 2) in vec4 colour;
out float across;
flat out float halfWidth;
flat out vec4 ink;
void main() {
  vec2 way = ends.zw - ends.xy;
  vec2 along = way / max(length(way), 1e-6);
  vec2 at = corner();
  halfWidth = width / 2.0;
  across = (2.0 * at.y - 1.0) * (halfWidth + 0.5);
  ink = colour;
  gl_Position = clip(mix(ends.xy, ends.zw, at.x) + across * vec2(-along.y, along.x));
}`,
  fragment: `${PAINT}
in float across;
flat in float halfWidth;
flat in vec4 ink;
void main() {
  float cover = clamp(halfWidth + 0.5 - abs(across), 0.0, 1.0);
  painted = premultiplied(ink) * cover;
}`,
};

export const DISC: Shaders = {
  vertex: `${COMMON}
layout(location = 0) in vec2 centre;
layout(location = 1) in float radius;
layout(location = 2) in vec4 colour;
uniform float rim;
out vec2 offset;
flat out float size;
flat out vec4 ink;
void main() {
  size = radius;
  ink = colour;
  offset = (2.0 * corner() - 1.0) * (radius + rim + 0.5);
  gl_Position = clip(centre + offset);
}`,
  fragment: `${PAINT}
uniform float rim;
uniform vec4 rimColour;
in vec2 offset;
flat in float size;
flat in vec4 ink;
void main() {
  float far = length(offset);
  float inner = clamp(size + 0.5 - far, 0.0, 1.0);
  float outer = clamp(size + rim + 0.5 - far, 0.0, 1.0) * step(0.001, rim);
  painted = mix(premultiplied(rimColour) * outer, premultiplied(ink), inner * ink.a);
  painted = rim > 0.0 ? painted : premultiplied(ink) * inner;
}`,
};

import type { FrameView } from "./frame_view.ts";
import { DISC, FRAME, SEGMENT, type Shaders } from "./shaders.ts";
import { RIM, type Strokes } from "./strokes.ts";
import type { Surface } from "./surface.ts";

/** An attribute of strokes: its number of floats, or a colour. */
type Attribute = 1 | 2 | 4 | "colour";

/** A program, and its instances: a square stretched over each row of strokes. */
interface Drawer {
  program: WebGLProgram;
  uniforms: Record<string, WebGLUniformLocation | null>;
  rows: WebGLBuffer;
  array: WebGLVertexArrayObject;
}

/** WebGL 2: a call for the frame, one for all segments and one for all discs. */
export class GlSurface implements Surface {
  readonly maxSegments = 60_000;
  readonly #gl: WebGL2RenderingContext;
  #frame!: Drawer;
  #segment!: Drawer;
  #disc!: Drawer;

  constructor(gl: WebGL2RenderingContext) {
    this.#gl = gl;
    this.#open();
    gl.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    gl.canvas.addEventListener("webglcontextrestored", () => this.#open());
  }

  paint(frame: ImageBitmap | null, view: FrameView | null, strokes: Strokes): void {
    const gl = this.#gl;
    if (gl.isContextLost()) return; // painted again with the next result
    gl.viewport(0, 0, gl.canvas.width, gl.canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (frame && view) this.#paintFrame(frame, view);
    this.#paintRows(this.#segment, strokes.segments);
    this.#paintRows(this.#disc, strokes.discs, strokes.rim);
  }

  #open(): void {
    const gl = this.#gl;
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    this.#frame = drawer(gl, FRAME, []);
    this.#segment = drawer(gl, SEGMENT, [4, 1, "colour"]);
    this.#disc = drawer(gl, DISC, [2, 1, "colour"]);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    gl.useProgram(this.#disc.program);
    const rim = [1, 3, 5, 7].map((at) => parseInt(RIM.slice(at, at + 2), 16) / 255);
    gl.uniform4fv(gl.getUniformLocation(this.#disc.program, "rimColour"), rim);
  }

  #paintFrame(frame: ImageBitmap, { left, top, scale, frame: size, mirrored }: FrameView): void {
    const gl = this.#gl;
    const { program, uniforms, array } = this.#frame;
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, frame);
    gl.useProgram(program);
    gl.bindVertexArray(array);
    gl.uniform2f(uniforms.canvas, gl.canvas.width, gl.canvas.height);
    gl.uniform4f(uniforms.place, left, top, size.width * scale, size.height * scale);
    gl.uniform1f(uniforms.mirrored, mirrored ? 1 : 0);
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  #paintRows(
    { program, uniforms, rows, array }: Drawer,
    { count, words, floats }: Strokes["segments"],
    rim = 0,
  ): void {
    if (count === 0) return;
    const gl = this.#gl;
    gl.useProgram(program);
    gl.bindVertexArray(array);
    gl.bindBuffer(gl.ARRAY_BUFFER, rows);
    gl.bufferData(gl.ARRAY_BUFFER, floats, gl.STREAM_DRAW, 0, count * words);
    gl.uniform2f(uniforms.canvas, gl.canvas.width, gl.canvas.height);
    gl.uniform1f(uniforms.rim, rim);
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, count);
  }
}

/** @param attributes of one instance, in the order of their locations in the shader */
function drawer(gl: WebGL2RenderingContext, shaders: Shaders, attributes: Attribute[]): Drawer {
  const program = link(gl, shaders);
  const array = gl.createVertexArray();
  const rows = gl.createBuffer();
  gl.bindVertexArray(array);
  gl.bindBuffer(gl.ARRAY_BUFFER, rows);
  const widths = attributes.map((attribute) => attribute === "colour" ? 1 : attribute);
  const stride = 4 * widths.reduce((a, b) => a + b, 0);
  let offset = 0;
  for (const [location, attribute] of attributes.entries()) {
    gl.enableVertexAttribArray(location);
    gl.vertexAttribDivisor(location, 1);
    if (attribute === "colour") {
      gl.vertexAttribPointer(location, 4, gl.UNSIGNED_BYTE, true, stride, offset);
    } else gl.vertexAttribPointer(location, attribute, gl.FLOAT, false, stride, offset);
    offset += 4 * widths[location];
  }
  const names = ["canvas", "place", "mirrored", "rim"];
  const uniforms = Object.fromEntries(
    names.map((name) => [name, gl.getUniformLocation(program, name)]),
  );
  return { program, uniforms, rows, array };
}

function link(gl: WebGL2RenderingContext, { vertex, fragment }: Shaders): WebGLProgram {
  const program = gl.createProgram();
  for (const [type, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(type as number)!;
    gl.shaderSource(shader, source as string);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`Cannot link the stage's shaders: ${gl.getProgramInfoLog(program)}`);
  }
  return program;
}

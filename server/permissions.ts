/**
 * What the server may do on the machine, as flags of `deno run`: the network,
 * reading this project and the named files, its own variables, native libraries.
 * It writes nothing and runs nothing.
 *
 * @param files outside of the project, such as a certificate; their paths have no comma, which ends one
 */
export function permissions(files: readonly string[]): string[] {
  return [
    "--no-prompt",
    "--allow-net",
    `--allow-read=${[".", ...files].join(",")}`,
    "--allow-ffi",
    "--allow-sys=networkInterfaces",
    "--allow-env=LKSTREAM_*,WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE",
  ];
}

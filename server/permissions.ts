const OF_WS = ["WS_NO_BUFFER_UTIL", "WS_NO_UTF_8_VALIDATE"];
const OF_NODE_GYP_BUILD = [
  "BUFFERUTIL_PREBUILD",
  "PREBUILDS_ONLY",
  "LIBC",
  "ARM_VERSION",
  "ELECTRON_RUN_AS_NODE",
  "npm_config_arch",
  "npm_config_platform",
];

/**
 * What the server may do on the machine, as flags of `deno run`: the network,
 * reading this project and the named files, its own variables, native libraries;
 * and what `ws` and node-gyp-build look at to find native code for unmasking. It
 * writes nothing and runs nothing.
 *
 * @param files outside of the project, such as a certificate; their paths have no comma, which ends one
 */
export function permissions(files: readonly string[]): string[] {
  return [
    "--no-prompt",
    "--allow-net",
    `--allow-read=${[".", "/etc/alpine-release", "/dev/tty", ...files].join(",")}`,
    "--allow-ffi",
    "--allow-sys=networkInterfaces",
    `--allow-env=${["LKSTREAM_*", ...OF_WS, ...OF_NODE_GYP_BUILD].join(",")}`,
  ];
}

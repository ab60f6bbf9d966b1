import { fileURLToPath } from "node:url";

const NATIVE = new URL("../native/", import.meta.url);

/** Prints the native library beside OpenCV's own C++ functions, where those are installed. */
export async function benchOpenCv(): Promise<void> {
  console.log("\nThe native library beside OpenCV's C++ functions, in one thread:");
  const built = await run("cmake", ["--preset", "release"]) &&
    await run("cmake", ["--build", "build", "--parallel", "--target", "bench_opencv"]);
  if (!built) {
    console.log("  left out: it needs cmake, a C++ compiler and libopencv-dev");
    return;
  }
  if (!await run("build/bench/bench_opencv", [], "inherit")) {
    throw new Error("Cannot bench against OpenCV: the results differ, as told above");
  }
}

async function run(command: string, args: string[], output: "null" | "inherit" = "null") {
  const path = command.includes("/") ? fileURLToPath(new URL(command, NATIVE)) : command;
  try {
    const { success } = await new Deno.Command(path, {
      args,
      cwd: NATIVE,
      stdout: output,
      stderr: output,
    }).output();
    return success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

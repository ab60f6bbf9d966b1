import config from "../../deno.json" with { type: "json" };

/**
 * What a task of deno.json runs once its dependencies are there: the arguments
 * for Deno, and the variables set before it. Tests start programs by it as a
 * person does, without the task runner and without building anew.
 */
export function taskCommand(
  name: "start" | "flow" | "track" | "send" | "build:native",
): { args: string[]; env: Record<string, string> } {
  const words = config.tasks[name].command.split(" ");
  return {
    args: words.slice(words.lastIndexOf("deno") + 1), // before it, packages may be installed
    env: Object.fromEntries(
      words.slice(0, words.indexOf("deno")).map((word) => word.split("=")),
    ),
  };
}

/**
 * As ROS and CUDA set it. Deno lets a program that may run only some others run none at all then.
 */
export const LIBRARIES = { LD_LIBRARY_PATH: "/opt/nowhere/lib" };

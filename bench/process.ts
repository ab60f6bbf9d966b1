/** What Linux tells of a process under /proc; elsewhere there is nothing to read. */

/** The kernel counts processor time in hundredths of a second, whatever its own clock. */
const TICKS_PER_S = 100;

export interface ProcessState {
  /** performance.now() when this was read. */
  at: number;
  /** Processor time of all threads since the process began. */
  cpuSeconds: number;
  /** Resident memory now, and the most there ever was. */
  rssMiB: number;
  peakMiB: number;
  threads: number;
  /** Open file descriptors: files, sockets, pipes. */
  handles: number;
}

/** @throws {Deno.errors.NotFound} where the process has ended, or this is not Linux. */
export function readProcess(pid: number): ProcessState {
  const { seconds } = readStat(`/proc/${pid}/stat`);
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const number = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(status)?.[1]);
  return {
    at: performance.now(),
    cpuSeconds: seconds,
    rssMiB: number("VmRSS") / 1024,
    peakMiB: number("VmHWM") / 1024,
    threads: number("Threads"),
    handles: [...Deno.readDirSync(`/proc/${pid}/fd`)].length,
  };
}

/** Processor time in seconds of the threads that run now, those of one name together. */
export function readThreads(pid: number): Map<string, number> {
  const threads = new Map<string, number>();
  for (const { name: task } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const { name, seconds } = readStat(`/proc/${pid}/task/${task}/stat`);
    threads.set(name, (threads.get(name) ?? 0) + seconds);
  }
  return threads;
}

/** The second field, the name, may hold blanks; user and system time are fields 14 and 15. */
function readStat(file: string): { name: string; seconds: number } {
  const stat = Deno.readTextFileSync(file);
  const end = stat.lastIndexOf(")");
  const fields = stat.slice(end + 2).split(" ");
  return {
    name: stat.slice(stat.indexOf("(") + 1, end),
    seconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S,
  };
}

/** The process on this machine that listens on a TCP port; null where none is found. */
export function findListener(port: number): number | null {
  const LISTEN = "0A";
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  try {
    const sockets = new Set(
      ["tcp", "tcp6"].flatMap((table) => Deno.readTextFileSync(`/proc/net/${table}`).split("\n"))
        .map((line) => line.trim().split(/\s+/))
        .filter(([, local, , state]) => local?.endsWith(wanted) && state === LISTEN)
        .map((fields) => `socket:[${fields[9]}]`),
    );
    if (sockets.size === 0) return null;
    for (const { name } of Deno.readDirSync("/proc")) {
      if (/^\d+$/.test(name) && holdsOne(name, sockets)) return Number(name);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return null;
}

function holdsOne(pid: string, sockets: Set<string>): boolean {
  try {
    return [...Deno.readDirSync(`/proc/${pid}/fd`)].some(({ name }) =>
      sockets.has(Deno.readLinkSync(`/proc/${pid}/fd/${name}`))
    );
  } catch {
    return false; // it has ended meanwhile, or belongs to somebody else
  }
}

/** A worker that dies as it starts. */
throw new Error("died on purpose");

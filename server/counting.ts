/**
 * What is counted several times a frame: numbers, and nothing for the collector. A `Counter` or
 * `Histogram` of prom-client makes an object and a string or two for every addition. Prometheus
 * is told of these through prom-client like of all others.
 */
import { Counter, type CounterConfiguration, type Metric, type Registry } from "prom-client";

/** A counter without labels. */
export class Tally {
  #value = 0;

  constructor(configuration: Omit<CounterConfiguration<never>, "labelNames" | "collect">) {
    const value = () => this.#value;
    new Counter({
      ...configuration,
      collect() { // prom-client gives the counter as `this`
        this.reset();
        this.inc(value());
      },
    });
  }

  inc(by = 1): void {
    this.#value += by;
  }
}

/** What a histogram is to a scrape: its name and, of each series, the values. */
interface Told {
  name: string;
  help: string;
  type: "histogram";
  values: { metricName: string; labels: Record<string, string | number>; value: number }[];
  aggregator: "sum";
}

/** Histograms in seconds of the stages that something goes through, with the label `stage`. */
export class Durations {
  readonly #sums: Float64Array;
  readonly #counts: Float64Array;
  /** A row a stage: how many were at most as long as each bound, and longer than the bound before. */
  readonly #within: Float64Array;

  /** @param bounds of the buckets, rising */
  constructor(
    readonly name: string,
    readonly help: string,
    readonly stages: readonly string[],
    readonly bounds: readonly number[],
    registry: Registry,
  ) {
    this.#sums = new Float64Array(stages.length);
    this.#counts = new Float64Array(stages.length);
    this.#within = new Float64Array(stages.length * bounds.length);
    registry.registerMetric(this as unknown as Metric); // it asks for `name` and `get`
  }

  /** @param stage its place among the stages */
  add(stage: number, seconds: number): void {
    const { bounds } = this;
    this.#sums[stage] += seconds;
    this.#counts[stage]++;
    for (let i = 0; i < bounds.length; i++) {
      if (seconds > bounds[i]) continue;
      this.#within[stage * bounds.length + i]++;
      return;
    }
  }

  /** As prom-client asks for them: of the stages that were gone through, buckets add up. */
  get(): Promise<Told> {
    const { name, help } = this;
    const values = this.stages.flatMap((stage, at): Told["values"] => {
      const count = this.#counts[at];
      if (count === 0) return [];
      let below = 0;
      const buckets = this.bounds.map((le, i) => {
        below += this.#within[at * this.bounds.length + i];
        return { metricName: `${name}_bucket`, labels: { le, stage }, value: below };
      });
      return [
        ...buckets,
        { metricName: `${name}_bucket`, labels: { le: "+Inf", stage }, value: count },
        { metricName: `${name}_sum`, labels: { stage }, value: this.#sums[at] },
        { metricName: `${name}_count`, labels: { stage }, value: count },
      ];
    });
    return Promise.resolve({ name, help, type: "histogram", values, aggregator: "sum" });
  }
}

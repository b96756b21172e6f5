/** The two kinds that deployments are of, each with its deviations: what a test is run against. */
export const kinds: ReadonlyArray<readonly [name: string, deviations: readonly string[]]>;

export type Scope = "write:events" | "read:analytics";

/** A request and what became of it; `/_mock/openapi.json` describes all of it. */
export interface Entry {
  id: number;
  method: string;
  path: string;
  status: number;
  outcome: string;
  why: { message: string; limit?: "requests" | "events"; scope?: Scope } | null;
  envelopes: { documented: number; wire: number };
  accepted: number;
  repeated: number;
  key: { id: string; name: string } | null;
  headers: Array<[name: string, value: string]>;
  body: { text: string; bytes: number; truncated: boolean };
  [member: string]: unknown;
}

/** What goes wrong, and for which requests. */
export interface Fault {
  status?: number;
  retry_after?: number;
  latency_ms?: number;
  reset?: "before" | "after";
  deviate?: string[];
  path?: string;
  first?: number;
  every?: number;
  in_flush?: number;
  [member: string]: unknown;
}

/** Keys, sessions, clock and journal of one test. */
export interface Workspace {
  /** The base URL, which goes before `/api/v1/…`. */
  readonly url: string;
  /** Makes a key with these scopes, and gives it. */
  key(scopes: readonly Scope[], options?: { name?: string; plan?: "standard" | "premium" }): Promise<string>;
  /** Makes something go wrong; gives the fault's id. */
  fault(spec: Fault): Promise<string>;
  /** Sets the clock forward: what a client in a test does instead of waiting. */
  advance(seconds: number): Promise<void>;
  /** What was sent and what became of it, oldest first. */
  journal(filters?: Record<string, string>): Promise<Entry[]>;
  /** The requests that match, as soon as there are so many of them; `timeout` is in seconds. */
  wait(count: number, filters?: { timeout?: number } & Record<string, string | number>): Promise<Entry[]>;
  /** Gives it back. */
  close(): Promise<void>;
}

/** A mock on a free port of this machine, until it is stopped. */
export interface Mock {
  /** The base URL of the default workspace, in which the well-known keys are. */
  readonly url: string;
  /** The well-known keys by their variables, such as `TRENCHCHECK_KEY_READ`. */
  readonly keys: Readonly<Record<string, string>>;
  /** Uses the control API, which `/_mock/openapi.json` describes. */
  control(method: string, path: string, body?: unknown): Promise<unknown>;
  /** A fresh workspace, under settings such as `{ deviations: ["as-deployed"] }`. */
  workspace(settings?: Record<string, unknown>): Promise<Workspace>;
  /** Ends it; what is under way is answered. */
  stop(): Promise<void>;
}

/** Starts `program`: the one in the variable TRENCHCHECK, else `trenchcheck`, with more of `mock`'s arguments. */
export function startMock(options?: { program?: string; arguments?: readonly string[] }): Promise<Mock>;

import type { OriginEndpoint } from "../origin/origin_client.ts";

/** A named LLM service. */
export interface Origin {
  readonly name: string;
  readonly endpoints: readonly OriginEndpoint[];
  /** Sent to the origin as a bearer token in place of the client's credential; null: none. */
  readonly apiKey: string | null;
}

export interface Route {
  /** For metrics and logs. */
  readonly name: string;
  /** Patterns with `*` for any run of characters; null: whatever the model, and also without one. */
  readonly models: readonly string[] | null;
  /** Path prefixes; null: any path. */
  readonly paths: readonly string[] | null;
  readonly origin: Origin;
  /** True: the route caches, so zero-cache leaves its fields alone. */
  readonly passesCaching: boolean;
}

/** Ordered routes; the first that matches decides. */
export class RouteTable {
  readonly #routes: readonly { route: Route; models: RegExp[] | null }[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => ({ route, models: route.models?.map(patternOf) ?? null }));
  }

  /** True if the choice for `path` hangs on the model, so that the body has to be looked into. */
  needsModel(path: string): boolean {
    for (const { route, models } of this.#routes) {
      if (!matchesPath(route, path)) continue;
      return models !== null;
    }
    return false;
  }

  /** The first route for `path` and `model` (null: the request names none), or null. */
  find(path: string, model: string | null): Route | null {
    for (const { route, models } of this.#routes) {
      if (!matchesPath(route, path)) continue;
      if (models === null || (model !== null && models.some((pattern) => pattern.test(model)))) return route;
    }
    return null;
  }

  /** Whether any route for `path` would do if only the model were another. */
  hasPath(path: string): boolean {
    return this.#routes.some(({ route }) => matchesPath(route, path));
  }
}

function matchesPath(route: Route, path: string): boolean {
  return route.paths === null || route.paths.some((prefix) => path.startsWith(prefix));
}

function patternOf(glob: string): RegExp {
  const escaped = glob.split("*").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${escaped.join(".*")}$`, "s");
}

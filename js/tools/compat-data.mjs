// Since when a browser has a feature, by MDN's browser-compat-data (BCD).

import { createRequire } from "node:module";

const bcd = createRequire(import.meta.url)("@mdn/browser-compat-data");

/** A version as one number, for comparing: "16.4" is 16004, "≤37" is 37000. */
function order(version) {
  const [major, minor = 0] = version.replace("≤", "").split(".").map(Number);
  return 1000 * major + minor;
}

/**
 * The browsers that lack a feature, each with the version that brought it: ["firefox 132"]. One that has
 * it in part has it: what is missing are details, which BCD describes in prose.
 *
 * @param compat the feature's `__compat` in BCD
 * @param browsers oldest promised version by browser; "safari" is that of iOS, too
 */
export function lacking(compat, browsers) {
  const promised = Object.entries(browsers);
  if (browsers.safari) promised.push(["safari_ios", browsers.safari]);
  return promised.flatMap(([browser, oldest]) => {
    const statements = [compat.support[browser] ?? []]
      .flat()
      .filter((one) => !(one.flags || one.prefix || one.alternative_name));
    const isVersion = (text) => typeof text === "string" && text !== "preview";
    const has = statements.some(
      ({ version_added: added, version_removed: removed }) =>
        isVersion(added) &&
        order(added) <= order(oldest) &&
        !(isVersion(removed) && order(removed) <= order(oldest)),
    );
    return has ? [] : [`${browser} ${statements[0]?.version_added || "never"}`];
  });
}

/** BCD's key and `__compat` of the first of these paths that it has, or null. */
function first(paths) {
  for (const path of paths) {
    let node = bcd;
    for (const part of path) node = Object.hasOwn(node ?? {}, part) ? node[part] : undefined;
    if (node?.__compat) return { key: path.join("."), compat: node.__compat };
  }
  return null;
}

const SCRIPT = [["api"], ["javascript", "builtins"]];

/** What BCD calls an interface of TypeScript's libraries. */
function bcdName(name) {
  if (name === "Console") return "console";
  if (name === "ParentNode" || name === "ChildNode") return "Element";
  if (/^(Uint|Int|Float)\d+(Clamped)?Array$/.test(name)) return "TypedArray";
  return name.replace(/^Readonly(?=Array|Map|Set)/, "").replace(/Constructor$/, "");
}

/**
 * A member of the first of these interfaces that BCD knows it of.
 *
 * @param interfaces names, the nearest first; a mixin's member is listed with those that include it
 */
export function member(interfaces, name, isStatic) {
  const names = isStatic ? [`${name}_static`, name] : [name];
  if (name.startsWith("on")) names.push(`${name.slice(2)}_event`);
  return first(
    interfaces.flatMap((one) =>
      names.flatMap((other) => SCRIPT.map((area) => [...area, bcdName(one), other])),
    ),
  );
}

/** A name in the global scope of a page or a worker. */
export function globalName(name) {
  const scopes = [
    ["api", "Window"],
    ["api", "WorkerGlobalScope"],
    ["javascript", "functions"],
  ];
  return first([...SCRIPT, ...scopes].map((area) => [...area, name]));
}

/** A property of styles, or one of its keywords. */
export function property(name, keyword) {
  return first([["css", "properties", name, ...(keyword ? [keyword] : [])]]);
}

/** An at-rule of styles. */
export function atRule(name) {
  return first([["css", "at-rules", name]]);
}

/** A pseudo-class or pseudo-element. */
export function selector(name) {
  return first([["css", "selectors", name]]);
}

/** A function in a value of a property, wherever BCD lists it: with the property or among the types. */
export function styleFunction(name, prop) {
  const own = property(prop, name);
  if (own) return own;
  const search = (node, path) => {
    for (const [key, child] of Object.entries(node)) {
      if (key === "__compat") continue;
      if (key === name && child.__compat) return { key: [...path, key].join("."), ...child };
      const found = search(child, [...path, key]);
      if (found) return found;
    }
    return null;
  };
  const found = search(bcd.css.types, ["css", "types"]);
  return found && { key: found.key, compat: found.__compat };
}

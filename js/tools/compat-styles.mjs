// What the styles use of the platform: at-rules, pseudo-classes, properties, keywords and functions.
// Nesting is not among them: esbuild lowers it where a promised browser lacks it.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import postcss from "postcss";
import { atRule, property, selector, styleFunction } from "./compat-data.mjs";

/**
 * Every use of a feature in style sheets.
 *
 * @param root the folder that the files are named from
 * @param files paths of style sheets
 * @returns for each use its place, its name and what BCD has of it (null where it has nothing)
 */
export async function styleUses(root, files) {
  const uses = [];
  for (const file of files) {
    const sheet = postcss.parse(await readFile(join(root, file), "utf8"));
    sheet.walk((node) => {
      const note = (label, found) =>
        uses.push({ file, line: node.source.start.line, feature: found?.key ?? label, found });
      if (node.type === "atrule") note(`@${node.name}`, atRule(node.name));
      if (node.type === "rule") {
        for (const [, name] of node.selector.matchAll(/::?([a-z-]+)/g)) note(name, selector(name));
      }
      if (node.type !== "decl" || node.prop.startsWith("--dw-")) return;
      if (!node.prop.startsWith("--")) note(node.prop, property(node.prop));
      for (const word of node.value.match(/[a-z-]{3,}/g) ?? []) {
        const found = property(node.prop, word);
        if (found) note(word, found);
      }
    });
    sheet.walkDecls(({ prop, value, source }) => {
      for (const [, name] of value.matchAll(/([a-z][a-z-]*)\(/g)) {
        const found = styleFunction(name, prop);
        uses.push({ file, line: source.start.line, feature: found?.key ?? `${name}()`, found });
      }
    });
  }
  return uses;
}

// What the scripts use of the platform: each name that TypeScript finds in its own libraries.

import { relative } from "node:path";
import ts from "typescript";
import { globalName, member } from "./compat-data.mjs";

/**
 * Every use of a platform API in src/.
 *
 * @param root the folder of tsconfig.json
 * @returns for each use its place, its name and what BCD has of it (null where it has nothing)
 */
export function scriptUses(root) {
  const config = ts.getParsedCommandLineOfConfigFile(`${root}/tsconfig.json`, {}, ts.sys);
  const program = ts.createProgram(config.fileNames, config.options);
  const checker = program.getTypeChecker();
  const uses = [];

  const isPlatform = (declaration) =>
    program.isSourceFileDefaultLibrary(declaration.getSourceFile());

  /** The names of a type's interfaces and of those that they extend, the nearest first. */
  const interfacesOf = (type) => {
    const names = new Set();
    const walk = (one) => {
      if (one.symbol) names.add(one.symbol.name);
      for (const base of one.getBaseTypes?.() ?? []) walk(base);
    };
    for (const one of type.isUnionOrIntersection() ? type.types : [type]) {
      walk(checker.getApparentType(one));
    }
    return [...names];
  };

  const hasValue = (name) => {
    const symbol = checker.resolveName(name, undefined, ts.SymbolFlags.Value, false);
    return symbol !== undefined;
  };

  const note = (node, feature, found) => {
    const file = node.getSourceFile();
    const { line } = ts.getLineAndCharacterOfPosition(file, node.getStart());
    uses.push({ file: relative(root, file.fileName), line: line + 1, feature, found });
  };

  const noteMember = (node, symbol, owner) => {
    const { declarations = [] } = symbol;
    if (!declarations.length || !declarations.every(isPlatform)) return;
    const holder = declarations[0].parent;
    // `declare var AbortSignal: { prototype, new(), any() }`: statics are members of such a literal.
    const variable = ts.isTypeLiteralNode(holder) ? holder.parent : null;
    const declaredIn = variable?.name?.text ?? holder.name?.text ?? "";
    const isStatic = variable !== null || declaredIn.endsWith("Constructor");
    const names = isStatic ? [declaredIn] : [...interfacesOf(owner), declaredIn];
    const found =
      member(names, node.text, isStatic) ?? (hasValue(node.text) && globalName(node.text));
    if (found) note(node, found.key, found);
    // A dictionary has no value at run time: its members are as old as what takes it. Those of a
    // style or a dataset are names of properties and of our own.
    else if (hasValue(declaredIn) && !/^(DOMStringMap|CSSStyleDeclaration)$/.test(declaredIn)) {
      note(node, `${declaredIn}.${node.text}`, null);
    }
  };

  const noteGlobal = (node) => {
    const symbol = checker.getSymbolAtLocation(node);
    const declarations = symbol?.declarations ?? [];
    if (!declarations.length || !declarations.every(isPlatform)) return;
    if (!(symbol.flags & ts.SymbolFlags.Value) || node.text === "undefined") return;
    if (node.text === "globalThis") return;
    const found = globalName(node.text);
    note(node, found?.key ?? node.text, found);
  };

  const visit = (node) => {
    if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node)) return; // gone at run time
    if (ts.isPropertyAccessExpression(node)) {
      const symbol = checker.getSymbolAtLocation(node.name);
      if (symbol) noteMember(node.name, symbol, checker.getTypeAtLocation(node.expression));
    } else if (ts.isBindingElement(node) && ts.isObjectBindingPattern(node.parent)) {
      const name = node.propertyName ?? node.name;
      const owner = checker.getTypeAtLocation(node.parent);
      const symbol = ts.isIdentifier(name) ? owner.getProperty(name.text) : undefined;
      if (symbol) noteMember(name, symbol, owner);
    } else if (ts.isIdentifier(node) && !isMemberName(node)) {
      noteGlobal(node);
    }
    ts.forEachChild(node, visit);
  };

  for (const file of program.getSourceFiles()) {
    if (relative(root, file.fileName).startsWith("src")) visit(file);
  }
  return uses;
}

/** Whether an identifier names a member, in `a.b` or `{ b: c }`, and no variable. */
function isMemberName(node) {
  const { parent } = node;
  return (
    (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
    (ts.isPropertyAssignment(parent) && parent.name === node) ||
    (ts.isBindingElement(parent) && (parent.propertyName ?? parent.name) === node)
  );
}

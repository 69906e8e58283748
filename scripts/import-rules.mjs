// The import and purity rules of docs/architecture.md, checked on one file at a time.
import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import { parseSync } from 'oxc-parser';

const SCOPE = '@dudousxd/nestjs-durable';

/** Who may import whom, by directory under packages/. */
const MAY_IMPORT = {
  protocol: [],
  core: ['protocol'],
  'store-sql': ['core'],
  'store-drizzle': ['core', 'store-sql'],
  'store-typeorm': ['core', 'store-sql'],
  'store-mikro-orm': ['core', 'store-sql'],
  'store-prisma': ['core', 'store-sql'],
  'transport-event-emitter': ['core'],
  'transport-bullmq': ['core', 'protocol'],
  nestjs: ['core'],
  dashboard: ['core', 'nestjs'],
  otel: ['core', 'nestjs'],
  telescope: ['core', 'nestjs'],
  cli: ['core', 'nestjs'],
  testing: ['core', 'nestjs'],
  'eslint-plugin': ['core', 'nestjs'],
};

const PURE_FOLDERS = new Set(['model', 'replay', 'decide', 'codec']);
const SHELL_MODULES = new Set([
  'run',
  'commit',
  'claim',
  'inbox',
  'remote',
  'store',
  'transport',
  'observe',
  'client',
  'engine',
]);

/** The one file that turns the machine's clock, timers and randomness into injected ports. */
const SYSTEM_FILE = 'packages/core/src/runtime/system.ts';
/** Draining the microtask queue needs the event loop itself. */
const DRAIN_FILE = 'packages/core/src/replay/drain.ts';
const DRAIN_ALLOWS = new Set(['process.nextTick', 'setImmediate']);

const TIME_GLOBALS = new Set(['setTimeout', 'setInterval', 'setImmediate', 'performance']);
const TIME_MEMBERS = new Set([
  'Date.now',
  'Math.random',
  'AbortSignal.timeout',
  'crypto.randomUUID',
  'crypto.getRandomValues',
]);
const DESTRUCTURED = new Set(['Date', 'Math', 'globalThis']);
const TIMER_MODULES = new Set(['timers', 'timers/promises', 'perf_hooks']);
/** Hashing, and telling the kinds of values apart: functions of their arguments alone. */
const PURE_BUILTINS = new Set(['crypto', 'util']);
const RANDOM_CRYPTO = /^(random|getRandom|webcrypto$|generate)/;

const builtins = new Set(builtinModules);

/**
 * Returns the violations in one file, as `{ line, rule, message }`.
 *
 * @param path file path from the repository root, with `/`
 * @param text the file's source
 * @param manifests package.json contents by directory under packages/
 */
export function checkFile({ path, text, manifests }) {
  const place = locate(path);
  const parsed = parseSync(path, text);
  const lines = lineIndex(text);
  const violations = [];
  const report = (offset, rule, message) => violations.push({ line: lines(offset), rule, message });

  if (parsed.errors.length > 0) {
    report(0, 'parse', `cannot be parsed: ${parsed.errors[0].message}`);
    return violations;
  }
  for (const { specifier, offset, names } of importsOf(parsed)) {
    if (specifier.startsWith('.')) checkRelative({ path, place, specifier, offset, report });
    else checkBare({ path, place, specifier, offset, names, manifests, report });
  }
  if (place.package === 'core' && place.isSource && path !== SYSTEM_FILE) {
    checkGlobals({ path, place, program: parsed.program, report });
  }
  return violations;
}

function locate(path) {
  const parts = path.split('/');
  if (parts[0] !== 'packages') return { package: undefined, isSource: false };
  const isTest = /\.test(-d)?\.ts$/.test(path) || parts[2] !== 'src';
  const folder = parts[3]?.replace(/\.ts$/, '');
  return {
    package: parts[1],
    isSource: !isTest,
    isPure: parts[1] === 'core' && !isTest && parts.length > 4 && PURE_FOLDERS.has(folder),
    folder,
  };
}

function checkRelative({ path, place, specifier, offset, report }) {
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  const parts = target.split('/');
  if (parts[0] === 'packages' && parts[1] !== place.package && parts.length > 1) {
    report(
      offset,
      'no-cross-package-path',
      `'${specifier}' reaches into packages/${parts[1]} by path. Import the package by its name.`,
    );
    return;
  }
  const importsShell = SHELL_MODULES.has(parts[3]?.replace(/\.(js|ts)$/, ''));
  if (place.isPure && parts[2] === 'src' && importsShell) {
    report(
      offset,
      'pure-core',
      `${place.folder}/ is pure and may not import '${specifier}'. Move what is shared into model/, or pass it in.`,
    );
  }
}

function checkBare({ path, place, specifier, offset, names, manifests, report }) {
  const bare = specifier.replace(/^node:/, '');
  const isBuiltin = specifier.startsWith('node:') || builtins.has(bare.split('/')[0]);
  if (isBuiltin) {
    checkBuiltin({ path, place, specifier, bare, offset, names, report });
    return;
  }
  if (!place.package) return;
  const manifest = manifests[place.package];
  const target = packageName(specifier);
  const ours = target === SCOPE || target.startsWith(`${SCOPE}-`);
  if (place.isSource && ours) {
    const dir = target === SCOPE ? 'nestjs' : target.slice(SCOPE.length + 1);
    const allowed = MAY_IMPORT[place.package] ?? [];
    if (dir !== place.package && !allowed.includes(dir)) {
      report(
        offset,
        'package-layers',
        `packages/${place.package} may not import ${target} (it may import: ${allowed.join(', ') || 'nothing of ours'}).`,
      );
      return;
    }
  }
  if (place.isSource && target !== manifest.name) {
    const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
    if (!(target in declared) && !(`@types/${target}` in declared)) {
      report(
        offset,
        'declared-dependency',
        `'${target}' is neither in dependencies nor in peerDependencies of packages/${place.package}/package.json.`,
      );
    }
  }
}

function checkBuiltin({ path, place, specifier, bare, offset, names, report }) {
  if (place.isPure && !PURE_BUILTINS.has(bare)) {
    report(offset, 'pure-core', `${place.folder}/ is pure and may not import '${specifier}'.`);
    return;
  }
  if (place.package !== 'core' || !place.isSource || path === SYSTEM_FILE) return;
  if (TIMER_MODULES.has(bare)) {
    report(
      offset,
      'injected-time',
      `'${specifier}': take time and timers from the injected Clock.`,
    );
  }
  if (bare === 'crypto') {
    for (const name of names.filter((n) => RANDOM_CRYPTO.test(n))) {
      report(
        offset,
        'injected-time',
        `${name} of '${specifier}': take ids from the injected IdSource.`,
      );
    }
  }
}

function checkGlobals({ path, place, program, report }) {
  const bound = boundNames(program);
  const isGlobal = (name) => !bound.has(name);
  const flag = (node, name) => {
    if (path === DRAIN_FILE && DRAIN_ALLOWS.has(name)) return;
    const rule = place.isPure ? 'pure-core' : 'injected-time';
    const where = place.isPure ? `${place.folder}/ is pure and may` : 'core may';
    report(
      node.start,
      rule,
      `${where} not use ${name}. Take time from the injected Clock and ids from the IdSource (${SYSTEM_FILE} makes them).`,
    );
  };

  walk(program, (node, parent) => {
    if (node.type === 'NewExpression' || node.type === 'CallExpression') {
      const isDate = node.callee.type === 'Identifier' && node.callee.name === 'Date';
      if (
        isDate &&
        isGlobal('Date') &&
        (node.arguments.length === 0 || node.type !== 'NewExpression')
      ) {
        flag(node, node.type === 'NewExpression' ? 'new Date() without argument' : 'Date()');
      }
      return;
    }
    if (node.type === 'VariableDeclarator' && node.id.type === 'ObjectPattern') {
      const source = node.init?.type === 'Identifier' ? node.init.name : undefined;
      if (DESTRUCTURED.has(source) && isGlobal(source)) flag(node, `{ … } = ${source}`);
      return;
    }
    if (node.type === 'MemberExpression') {
      const name = memberName(node);
      if (!name) return;
      const [object] = name.split('.');
      if (!isGlobal(object)) return;
      if (TIME_MEMBERS.has(name)) flag(node, name);
      else if (object === 'process' && place.isPure) flag(node, name);
      return;
    }
    if (node.type === 'Identifier' && TIME_GLOBALS.has(node.name) && isGlobal(node.name)) {
      if (isReference(node, parent)) flag(node, node.name);
    }
  });
}

/** `a.b` for `a.b`, `a['b']` and `globalThis.a.b`; `a` for `globalThis.a`. */
function memberName(node) {
  const property =
    node.computed && node.property.type === 'Literal'
      ? String(node.property.value)
      : !node.computed
        ? node.property.name
        : undefined;
  if (property === undefined) return undefined;
  if (node.object.type === 'Identifier') {
    return node.object.name === 'globalThis' ? property : `${node.object.name}.${property}`;
  }
  if (node.object.type === 'MemberExpression') {
    const object = node.object.object;
    if (object.type === 'Identifier' && object.name === 'globalThis') {
      return `${memberName(node.object)}.${property}`;
    }
  }
  return undefined;
}

function isReference(node, parent) {
  if (!parent) return true;
  if (parent.type === 'MemberExpression' && parent.property === node && !parent.computed) {
    // globalThis.setTimeout is the global all the same.
    return parent.object.type === 'Identifier' && parent.object.name === 'globalThis';
  }
  return !('key' in parent && parent.key === node && !parent.computed);
}

/** Names a file binds itself, anywhere: a use of one of those is not the global. */
function boundNames(program) {
  const bound = new Set();
  const bind = (pattern) => {
    if (!pattern) return;
    if (pattern.type === 'Identifier') bound.add(pattern.name);
    else if (pattern.type === 'AssignmentPattern') bind(pattern.left);
    else if (pattern.type === 'RestElement') bind(pattern.argument);
    else if (pattern.type === 'TSParameterProperty') bind(pattern.parameter);
    else if (pattern.type === 'ArrayPattern') pattern.elements.forEach(bind);
    else if (pattern.type === 'ObjectPattern') {
      for (const p of pattern.properties) bind(p.type === 'RestElement' ? p : p.value);
    }
  };
  walk(program, (node) => {
    if (node.type === 'VariableDeclarator') bind(node.id);
    if (node.type === 'ClassDeclaration' || node.type === 'FunctionDeclaration') bind(node.id);
    if (node.type.startsWith('Import') && node.local) bind(node.local);
    if (Array.isArray(node.params)) node.params.forEach(bind);
  });
  return bound;
}

/** Visits every node outside type positions. */
function walk(node, visit, parent) {
  if (Array.isArray(node)) {
    for (const item of node) walk(item, visit, parent);
    return;
  }
  if (node === null || typeof node !== 'object' || typeof node.type !== 'string') return;
  const isTypeOnly = /^TS(Type|Interface|.*Keyword$)/.test(node.type) && !('expression' in node);
  if (isTypeOnly) return;
  visit(node, parent);
  for (const key of Object.keys(node)) {
    if (key !== 'parent') walk(node[key], visit, node);
  }
}

function importsOf({ module, program }) {
  const found = [];
  for (const entry of module.staticImports) {
    const names = entry.entries.map((e) => e.importName.name ?? '*');
    found.push({ specifier: entry.moduleRequest.value, offset: entry.start, names });
  }
  for (const entry of module.staticExports.flatMap((e) => e.entries)) {
    if (entry.moduleRequest) {
      found.push({ specifier: entry.moduleRequest.value, offset: entry.start, names: [] });
    }
  }
  visitImportExpressions(program, (specifier, offset) =>
    found.push({ specifier, offset, names: [] }),
  );
  return found;
}

function visitImportExpressions(node, add) {
  if (Array.isArray(node)) {
    for (const item of node) visitImportExpressions(item, add);
    return;
  }
  if (node === null || typeof node !== 'object') return;
  if (node.type === 'ImportExpression' || node.type === 'TSImportType') {
    const source = node.source ?? node.argument;
    const value = source?.value ?? source?.literal?.value;
    if (typeof value === 'string') add(value, node.start);
  }
  for (const key of Object.keys(node)) {
    if (key !== 'parent') visitImportExpressions(node[key], add);
  }
}

function packageName(specifier) {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? `${parts[0]}/${parts[1]}` : parts[0];
}

function lineIndex(text) {
  const starts = [0];
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) starts.push(i + 1);
  return (offset) => starts.findLastIndex((start) => start <= offset) + 1;
}

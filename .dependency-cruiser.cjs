/**
 * Who may import whom: the table of rooms, as a program. A room is a folder of src/ (each engine is one of its own);
 * other rooms reach it through its index.ts only. Tests may look everywhere.
 */

const { join } = require('node:path');

/** Room -> the rooms it may import, and the packages and built-in modules it may use. */
const rooms = {
  base: { rooms: [], packages: [] },
  wire: { rooms: ['base'], packages: ['@grpc/proto-loader'] },
  config: { rooms: ['base'], packages: ['yaml'] },
  telemetry: { rooms: ['base'], packages: ['pino', 'prom-client'] },
  engine: { rooms: ['base'], packages: [] },
  transport: { rooms: ['base'], packages: ['asn1js', 'pkijs'] },
  index: { rooms: ['base'], packages: [] },
  tikv: { rooms: ['base'], packages: ['@grpc/grpc-js', '@grpc/proto-loader'] },
  snapshot: { rooms: ['base', 'wire'], packages: [] },
  'engine/memory': { rooms: ['base', 'engine'], packages: [] },
  'engine/level': { rooms: ['base', 'engine'], packages: ['classic-level'] },
  'engine/faulty': { rooms: ['base', 'engine'], packages: [] },
  'engine/tikv': { rooms: ['base', 'engine', 'tikv'], packages: [] },
  'engine/postgres': { rooms: ['base', 'engine'], packages: ['pg'] },
  log: { rooms: ['base', 'wire', 'engine'], packages: [] },
  store: { rooms: ['base', 'wire', 'index', 'log'], packages: [] },
  watch: { rooms: ['base', 'wire', 'index', 'log'], packages: [] },
  cluster: { rooms: ['base', 'wire', 'engine', 'log', 'store'], packages: [] },
  server: {
    rooms: ['base', 'wire', 'transport', 'store', 'watch', 'cluster', 'snapshot'],
    packages: [],
  },
};

/** Rooms whose files others may import one by one: base's small parts, and wire's codecs on hot paths. */
const openRooms = ['base', 'wire'];

const tests = '\\.test\\.ts$';
const names = Object.keys(rooms);

/** A pattern for the files of a room. The contract `engine` is the files right under it, not the engines' folders. */
function filesOf(room) {
  return room === 'engine' ? '^src/engine/[^/]+\\.ts$' : `^src/${room}/`;
}

function escaped(text) {
  return text.replace(/[./]/g, '\\$&');
}

const roomRules = names.map((room) => ({
  name: `room-${room.replace('/', '-')}`,
  comment: `${room}/ may import only: ${rooms[room].rooms.join(', ') || 'nothing'}.`,
  severity: 'error',
  from: { path: filesOf(room), pathNot: tests },
  to: { path: '^src/', pathNot: [room, ...rooms[room].rooms].map(filesOf) },
}));

const packageRules = names.map((room) => ({
  name: `packages-${room.replace('/', '-')}`,
  comment: `${room}/ may use only these packages: ${rooms[room].packages.join(', ') || 'none'}.`,
  severity: 'error',
  from: { path: filesOf(room), pathNot: tests },
  to: {
    path: '(^|/)node_modules/',
    pathNot: rooms[room].packages.map((name) => `node_modules/${escaped(name)}/`),
  },
}));

const doorRules = names
  .filter((room) => !openRooms.includes(room))
  .map((room) => ({
    name: `door-${room.replace('/', '-')}`,
    comment: `Other rooms import ${room}/ through src/${room}/index.ts only.`,
    severity: 'error',
    from: { path: '^src/', pathNot: [tests, filesOf(room)] },
    to: { path: filesOf(room), pathNot: `^src/${room}/index\\.ts$` },
  }));

module.exports = {
  forbidden: [
    ...roomRules,
    ...packageRules,
    ...doorRules,
    {
      name: 'known-room',
      comment: 'Every file of src/ is in a room of the table, in cli/, or is src/index.ts.',
      severity: 'error',
      from: { path: '^src/', pathNot: [...names.map(filesOf), '^src/cli/', '^src/index\\.ts$'] },
      to: {},
    },
    {
      name: 'no-import-of-cli',
      comment: 'cli/ composes the others; nothing but src/index.ts may know it.',
      severity: 'error',
      from: { path: '^src/', pathNot: [tests, '^src/cli/', '^src/index\\.ts$'] },
      to: { path: ['^src/cli/', '^src/index\\.ts$'] },
    },
    {
      name: 'no-tests-in-source',
      comment: 'What is shipped imports no test, benchmark or script.',
      severity: 'error',
      from: { path: '^src/', pathNot: tests },
      to: { path: ['^test/', '^bench/', '^scripts/', tests] },
    },
    {
      name: 'no-cycles',
      comment: 'A cycle has no part that can be understood first: move what both need into a third file.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that imports nothing and that nothing imports is dead.',
      severity: 'error',
      from: {
        orphan: true,
        path: '^(src|test|bench|scripts)/',
        pathNot: ['/main\\.ts$', tests, '\\.d\\.ts$', '\\.mjs$'],
      },
      to: {},
    },
    {
      name: 'no-dev-packages-in-source',
      comment: 'What is shipped needs only the dependencies of package.json.',
      severity: 'error',
      from: { path: '^src/', pathNot: tests },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'resolvable',
      comment: 'An import that resolves to nothing.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist' },
    tsConfig: { fileName: join(__dirname, 'tsconfig.json') },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
    skipAnalysisNotInRules: true,
  },
};

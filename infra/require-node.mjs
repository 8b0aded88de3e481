// Ends the process where Node is too old. To be run or imported before the program, never by it:
// inside an ES module the imports, and any syntax that an older Node cannot parse, come before the
// first statement.
const wanted = 26;
const found = Number(process.versions.node.split('.')[0]);
if (found < wanted) {
  process.stderr.write(
    `Tallygate needs Node ${wanted}, and this is Node ${process.versions.node}.\n` +
      'Run it through npm, which puts the pinned Node first on the path: npm ci && npm start\n' +
      '(if npm ci was run with --omit=optional, the pinned Node was left out: run npm ci again).\n',
  );
  process.exit(1);
}

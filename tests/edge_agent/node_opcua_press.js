// A press on node-opcua: a counter (Int16), a gauge, a text. A line on standard input changes one:
// NAME VALUE [STATUS]. Ends when its input does. Arguments: folder of node-opcua, port.
const [modules, port] = process.argv.slice(2);
const { DataType, OPCUAServer, StatusCodes } = require(modules);
const lines = require("node:readline");

const TYPES = { Strokes: DataType.Int16, Speed: DataType.Double, Die: DataType.String };
const FIRST = { Strokes: 32766, Speed: 60.5, Die: "D-7" };

async function main() {
  const server = new OPCUAServer({ port: Number(port), hostname: "127.0.0.1" });
  await server.initialize();
  const space = server.engine.addressSpace;
  const own = space.getOwnNamespace();
  const press = own.addObject({ browseName: "Press", organizedBy: space.rootFolder.objects });
  const nodes = {};
  for (const [name, dataType] of Object.entries(TYPES)) {
    const nodeId = `s=Press.${name}`;
    nodes[name] = own.addVariable({ componentOf: press, browseName: name, nodeId, dataType });
    nodes[name].setValueFromSource({ dataType, value: FIRST[name] });
  }
  await server.start();
  lines.createInterface({ input: process.stdin })
    .on("line", (line) => {
      const [name, told, status] = line.split(" ");
      const value = name === "Die" ? told : Number(told);
      nodes[name].setValueFromSource({ dataType: TYPES[name], value }, StatusCodes[status || "Good"]);
    })
    .on("close", () => process.exit(0));
  console.log("ready");
}

main();

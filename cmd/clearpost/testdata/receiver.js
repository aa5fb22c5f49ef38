// SPDX-License-Identifier: Apache-2.0

// A receiver of webhooks that verifies by the public library: node receiver.js SECRET DOWN answers the first DOWN requests
// with 503 and prints a line of JSON for each that it takes or refuses.
const { createServer } = require("node:http");
const { Webhook } = require("standardwebhooks");

const hook = new Webhook(process.argv[2]);
let down = Number(process.argv[3]);
const say = (what) => console.log(JSON.stringify(what));

const server = createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    if (down > 0) {
      down--;
      response.writeHead(503).end();
      return;
    }
    try {
      const message = hook.verify(Buffer.concat(parts).toString(), request.headers);
      say({ id: request.headers["webhook-id"], type: message.type, lead: message.data.lead_id });
      response.writeHead(204).end();
    } catch (error) {
      say({ refused: String(error) });
      response.writeHead(400).end();
    }
  });
});
server.listen(0, "127.0.0.1", () => say({ port: server.address().port }));

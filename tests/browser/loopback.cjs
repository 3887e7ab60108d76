// node --require ./loopback.cjs ...: a server that would listen on all interfaces listens on loopback.
const net = require("node:net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...wanted) {
  if (typeof wanted[0] === "number" && typeof wanted[1] !== "string") wanted.splice(1, 0, "127.0.0.1");
  return listen.apply(this, wanted);
};

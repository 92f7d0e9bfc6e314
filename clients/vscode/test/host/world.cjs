exports.makeWorld = () => ({
  folder: '/tmp/vsc/ws',
  settings: { 'backburner.server.path': '/tmp/vsc/stub.js' },
  env: { BACKBURNER_HOME: '/tmp/vsc/home' },
  remove() {},
});

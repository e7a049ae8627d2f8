// What html-validate recommends, and where the shop differs.
module.exports = {
  root: true,
  extends: ["html-validate:recommended"],
  rules: {
    // A template tag that writes nothing leaves the space before it.
    "no-trailing-whitespace": "off",
  },
};

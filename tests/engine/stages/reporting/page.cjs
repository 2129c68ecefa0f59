// Opens a report, switches a model off and a curve of one plot, and looks without scripts.
// The last line printed is JSON: errors, addresses that it asked for, numbers of parts that are drawn and hidden, and of pictures without scripts.
const { chromium } = require(process.env.LINESHAPE_PLAYWRIGHT);

const { LINESHAPE_PAGE: url, LINESHAPE_MODEL: model, LINESHAPE_SCREENSHOTS: folder } = process.env;

const parts = (page) =>
  page.evaluate(() => {
    const renderers = Bokeh.documents.flatMap((one) => [...one._all_models.values()].filter((each) => each.type === "GlyphRenderer"));
    return { all: renderers.length, hidden: renderers.filter((each) => !each.visible).length };
  });

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.LINESHAPE_BROWSER, args: ["--no-sandbox"] });
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
  const errors = [], asked = [];
  page.on("request", (request) => /^(file|data|blob):/.test(request.url()) || asked.push(request.url()));
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  for (const section of await page.$$("details.section:not([open]) > summary")) await section.click();
  const places = await page.$$(".plot");
  for (const place of places) {
    // Plots that are drawn above it may push it out of sight again.
    const until = Date.now() + 60_000;
    while (!(await place.evaluate((one) => one.dataset.drawn === "yes"))) {
      if (Date.now() > until) throw new Error("a plot in sight was not drawn in a minute");
      await place.scrollIntoViewIfNeeded();
      await page.waitForTimeout(100);
    }
  }
  await places[0].scrollIntoViewIfNeeded();
  await page.waitForTimeout(1000);
  const shot = (name) => places[0].screenshot({ path: `${folder}/${name}.png` });
  const beyond = () => Bokeh.documents.flatMap((one) => [...one._all_models.values()])
    .filter((each) => each.type === "GlyphRenderer" && each.name === "beyond")
    .reduce((sum, each) => sum + each.data_source.get_length(), 0);
  const names = await Promise.all(places.map((place) => place.evaluate((one) => one.dataset.plot)));
  const seen = { plots: places.length, names, beyond: await page.evaluate(beyond), before: await parts(page) };
  await shot("before");

  const box = page.locator(`input[data-model="${model}"]`);
  await box.uncheck();
  seen.without = await parts(page);
  await places[0].scrollIntoViewIfNeeded();
  await page.waitForTimeout(500);
  await shot("without");
  await box.check();
  seen.again = await parts(page);

  // The legend stands above the plot, on the right: a click on a name switches its curve there.
  await places[0].scrollIntoViewIfNeeded();
  const edge = await places[0].boundingBox();
  for (let x = edge.x + edge.width - 12; x > edge.x && !seen.clicked; x -= 12) {
    await page.mouse.click(x, edge.y + 16);
    await page.waitForTimeout(50);
    const found = await parts(page);
    if (found.hidden) seen.clicked = found;
  }

  const plain = await browser.newPage({ javaScriptEnabled: false, viewport: { width: 1280, height: 1000 } });
  await plain.goto(url);
  seen.pictures = await plain.locator("noscript img").count();
  await plain.screenshot({ path: `${folder}/plain.png` });
  console.log(JSON.stringify({ ...seen, errors, asked }));
  await browser.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

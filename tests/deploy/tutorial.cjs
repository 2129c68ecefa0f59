// What a user does and sees: log in to JupyterHub, open a notebook in JupyterLab, run all cells.
// The last line printed is JSON: errors, widths of the pictures as drawn, the text of all outputs, the report's link.
const { chromium } = require(process.env.LINESHAPE_PLAYWRIGHT);

const { LINESHAPE_HUB_URL: hub, LINESHAPE_USER: user, LINESHAPE_SCREENSHOTS: folder } = process.env;
const trains = process.env.LINESHAPE_TRAINS === "yes";
const shot = (page, name) => page.screenshot({ path: `${folder}/${name}.png` });

async function main() {
  const browser = await chromium.launch({ executablePath: process.env.LINESHAPE_BROWSER, args: ["--no-sandbox"] });
  const page = await browser.newPage({ viewport: { width: 1400, height: 950 } });
  try {
    page.setDefaultTimeout(120_000);
    await page.goto(`${hub}/hub/login?next=${encodeURIComponent(`/user/${user}/lab/tree/tutorial.ipynb?reset`)}`);
    await page.fill("#username_input", user);
    await page.fill("#password_input", process.env.LINESHAPE_PASSWORD);
    await page.click("#login_submit");
    await page.waitForSelector(".jp-Notebook .jp-CodeCell");
    await page.getByText("Python 3 (ipykernel) | Idle").waitFor();
    // JupyterLab asks each new user whether it may fetch news.
    await page.click('.Toastify__toast button:text-is("No")', { timeout: 20_000 }).catch(() => {});
    await shot(page, "opened");

    await page.click('.lm-MenuBar-itemLabel:text-is("Run")');
    await page.click('.lm-Menu-item[data-command="runmenu:run-all"]');
    if (trains) {
      await page.waitForFunction(() => /training mdn\s*[1-9]\/8/.test(document.body.innerText), null, { timeout: 300_000 });
      await page.getByText("training mdn").scrollIntoViewIfNeeded();
      await shot(page, "training");
    }

    // JupyterLab draws only what is near the window: all of the notebook must fit.
    await page.setViewportSize({ width: 1400, height: 4400 });
    await page.waitForFunction(
      () =>
        document.querySelectorAll(".jp-OutputArea-output img").length >= 3 ||
        document.querySelector('.jp-RenderedText[data-mime-type="application/vnd.jupyter.stderr"]'),
      null,
      { timeout: 600_000 },
    );
    await page.waitForFunction(() => document.body.innerText.includes(" taus\n"), null, { timeout: 60_000 });
    const seen = await page.evaluate(() => {
      const all = (selector) => [...document.querySelectorAll(selector)];
      return {
        errors: all('.jp-RenderedText[data-mime-type="application/vnd.jupyter.stderr"]').map((one) => one.innerText),
        pictures: all(".jp-OutputArea-output img").map((one) => (one.naturalWidth ? one.clientWidth : 0)),
        text: all(".jp-OutputArea-output").map((one) => one.innerText).join("\n"),
        link: all(".jp-OutputArea-output a").map((one) => one.innerText).pop() ?? "",
      };
    });
    await page.evaluate(() => document.querySelector(".jp-WindowedPanel-outer").scrollTo(0, 0));
    await page.waitForTimeout(1000);
    await shot(page, "done");

    // The link opens the report beside the notebook.
    await page.getByRole("link", { name: "runs/tutorial/report/index.html" }).click();
    const report = page.frameLocator("iframe[sandbox]");
    await report.getByRole("heading", { name: "Tau energy scale" }).waitFor();
    await page.setViewportSize({ width: 1400, height: 950 });
    await shot(page, "report");
    console.log(JSON.stringify(seen));
  } catch (error) {
    await shot(page, "failed");
    throw error;
  } finally {
    await browser.close();
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});

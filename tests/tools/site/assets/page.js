// The book around the live parts: theme, code shown or folded, contents. Runs before anything is painted.
{
  const keep = (name, value) => { try { localStorage.setItem(name, value); } catch { /* a browser that keeps nothing */ } };
  const kept = (name, otherwise) => { try { return localStorage.getItem(name) ?? otherwise; } catch { return otherwise; } };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const dress = () => {
    const theme = kept("theme", "auto");
    document.body.dataset.jpThemeLight = !(theme === "dark" || (theme === "auto" && dark.matches));
  };
  dress();
  dark.addEventListener("change", dress);

  document.addEventListener("DOMContentLoaded", () => {
    const theme = document.getElementById("theme"), code = document.getElementById("code");
    theme.value = kept("theme", "auto");
    theme.onchange = () => { keep("theme", theme.value); dress(); };
    const fold = () => { for (const cell of document.querySelectorAll("details.code")) cell.open = code.checked; };
    if (code) {
      code.checked = kept("code", "shown") === "shown";
      if (!code.checked) fold();
      code.onchange = () => { keep("code", code.checked ? "shown" : "folded"); fold(); };
    }
    const contents = document.querySelector("details.contents");
    if (contents && matchMedia("(max-width: 1000px)").matches) contents.open = false;
  });
}

document.querySelectorAll("table.sheet").forEach(function (table) {
  table.querySelectorAll("thead th").forEach(function (head, at) {
    head.tabIndex = 0;
    head.setAttribute("aria-sort", "none");
    head.title = "Sort by this column";
    function sort() {
      var up = head.getAttribute("aria-sort") !== "ascending", body = table.tBodies[0];
      var rows = Array.prototype.slice.call(body.rows).map(function (row) {
        var cell = row.cells[at], key = cell.getAttribute("data-v");
        return [key === null || key === "" ? NaN : parseFloat(key), cell.textContent, row];
      });
      rows.sort(function (a, b) {
        var an = isNaN(a[0]), bn = isNaN(b[0]);
        var way = an && bn ? a[1].localeCompare(b[1]) : an ? 2 : bn ? -2 : a[0] - b[0];
        return Math.abs(way) === 2 && an !== bn ? way : up ? way : -way;
      });
      table.querySelectorAll("thead th").forEach(function (other) { other.setAttribute("aria-sort", "none"); });
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      rows.forEach(function (row) { body.appendChild(row[2]); });
    }
    head.addEventListener("click", sort);
    head.addEventListener("keydown", function (event) {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); sort(); }
    });
  });
});

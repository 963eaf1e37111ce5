#include "observability/trace/plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace actord::trace {

namespace {

constexpr size_t max_latencies = 512; // of a column
constexpr double first_width = 0.001;

// Places of the picture, in its own units.
constexpr double left = 64, right = 944, top = 48, panel_height = 130, panel_step = 178;

std::string number(double what) {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), "%.6g", what);
  return text.data();
}

// For an axis: three digits say enough.
std::string rounded(double what) {
  std::array<char, 40> text;
  std::snprintf(text.data(), text.size(), what < 1000 ? "%.3g" : "%.0f", what);
  return text.data();
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char each : text)
    switch (each) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(each) < 0x20 ? '?' : each;
    }
  return out;
}

// The next 1, 2 or 5 times a power of ten.
double round_up(double what) {
  if (!(what > 0))
    return 1;
  const auto power = std::pow(10, std::floor(std::log10(what)));
  for (const double step : {1.0, 2.0, 5.0})
    if (what <= step * power)
      return step * power;
  return 10 * power;
}

struct point {
  size_t column;
  double value;
};

class picture {
public:
  picture(size_t columns, double end, bool by_time)
    : columns_(std::max<size_t>(columns, 1)), end_(end), by_time_(by_time) {
  }

  void panel(std::string_view title, std::string_view unit, double most) {
    base_ = top + panel_step * static_cast<double>(panels_++) + panel_height;
    most_ = most;
    text(left, base_ - panel_height - 10, "start", "h", title);
    for (int i = 0; i <= 2; ++i) {
      const auto y = base_ - panel_height * i / 2;
      out_ += "<path class=\"g\" d=\"M" + number(left) + " " + number(y) + "H" + number(right)
              + "\"/>\n";
      text(left - 8, y + 4, "end", "t", number(most * i / 2) + std::string{unit});
    }
    for (int i = 0; i <= 4; ++i)
      text(left + (right - left) * i / 4, base_ + 18,
           i == 0   ? "start"
           : i == 4 ? "end"
                    : "middle",
           "t", rounded(end_ * i / 4) + (by_time_ ? " s" : ""));
  }

  void curve(std::string_view kind, std::string_view name, const std::vector<point>& points) {
    std::string path;
    for (const auto& each : points) {
      path += path.empty() ? "M" : "L";
      const auto share = (static_cast<double>(each.column) + 0.5) / static_cast<double>(columns_);
      path += number(left + (right - left) * share) + " "
              + number(base_ - panel_height * std::min(1.0, each.value / most_));
    }
    if (points.size() == 1)
      path += "h2";
    if (!path.empty())
      out_.append("<path class=\"").append(kind).append("\" d=\"").append(path).append("\"/>\n");
    else
      text((left + right) / 2, base_ - panel_height / 2, "middle", "t", "no data");
    if (!name.empty()) {
      text(right - 150.0 * labels_, base_ - panel_height - 10, "end", kind, name);
      ++labels_;
    }
  }

  void end_panel() {
    labels_ = 0;
  }

  std::string finish(std::string_view title) const {
    const auto height = top + panel_step * panels_;
    return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 960 " + number(height)
           + "\" width=\"960\" height=\"" + number(height) + "\" role=\"img\">\n<title>"
           + escaped(title)
           + "</title>\n<style>\n"
             "svg{--p:#fff;--i:#1f2328;--m:#59636e;--l:#d1d9e0;--a:#0969da;--b:#bc4c00}\n"
             "@media(prefers-color-scheme:dark){svg{--p:#0d1117;--i:#e6edf3;--m:#9198a1;"
             "--l:#30363d;--a:#58a6ff;--b:#f0883e}}\n"
             "rect{fill:var(--p)}text{font:12px system-ui,sans-serif;fill:var(--m)}\n"
             "text.h{font-size:14px;font-weight:600;fill:var(--i)}\n"
             "text.a{fill:var(--a)}text.b{fill:var(--b)}\n"
             "path{fill:none}path.g{stroke:var(--l)}path.a,path.b{stroke-width:2;"
             "stroke-linejoin:round}\n"
             "path.a{stroke:var(--a)}path.b{stroke:var(--b);stroke-dasharray:4 3}\n"
             "</style>\n<rect width=\"960\" height=\""
           + number(height) + "\"/>\n" + out_ + "</svg>\n";
  }

private:
  void
  text(double x, double y, std::string_view anchor, std::string_view kind, std::string_view what) {
    out_.append("<text class=\"").append(kind).append("\" x=\"").append(number(x));
    out_.append("\" y=\"").append(number(y)).append("\" text-anchor=\"").append(anchor);
    out_.append("\">").append(escaped(what)).append("</text>\n");
  }

  std::string out_;
  size_t columns_;
  double end_, base_ = 0, most_ = 1;
  bool by_time_;
  int panels_ = 0, labels_ = 0;
};

} // namespace

// Leaves every other latency out where there are too many.
void plot::thin(column& what) {
  while (what.latencies_ms.size() >= max_latencies) {
    for (size_t i = 0; 2 * i < what.latencies_ms.size(); ++i)
      what.latencies_ms[i] = what.latencies_ms[2 * i];
    what.latencies_ms.resize((what.latencies_ms.size() + 1) / 2);
    what.keep_every *= 2;
  }
}

void plot::merge(column& into, const column& from) {
  into.wanted += from.wanted;
  into.hits += from.hits;
  into.most_ms = std::max(into.most_ms, from.most_ms);
  into.latencies_ms.insert(into.latencies_ms.end(), from.latencies_ms.begin(),
                           from.latencies_ms.end());
  into.keep_every = std::max(into.keep_every, from.keep_every);
  if (from.used_share >= 0)
    into.used_share = from.used_share;
  thin(into);
}

// Two columns become one.
void plot::halve() {
  std::vector<column> result((columns_.size() + 1) / 2);
  for (size_t i = 0; i < columns_.size(); ++i)
    merge(result[i / 2], columns_[i]);
  columns_ = std::move(result);
  width_ *= 2;
}

void plot::add(const replay_sample& sample, double at) {
  last_ = std::max(last_, at);
  if (width_ == 0)
    width_ = first_width;
  while (last_ / width_ >= max_columns)
    halve();
  const auto place = static_cast<size_t>(last_ / width_);
  if (columns_.size() <= place)
    columns_.resize(place + 1);
  auto& to = columns_[place];
  if (sample.l1_bytes > 0)
    to.used_share = static_cast<double>(sample.used_bytes) / static_cast<double>(sample.l1_bytes);
  if (sample.failed)
    return;
  to.wanted += sample.wanted;
  to.hits += sample.hits;
  const auto ms = static_cast<float>(sample.latency_ms);
  to.most_ms = std::max(to.most_ms, ms);
  if (to.seen++ % to.keep_every == 0)
    to.latencies_ms.push_back(ms);
  thin(to);
}

std::string plot::svg(std::string_view title, bool by_time) const {
  std::vector<point> hit_rate, median, most, used;
  for (size_t i = 0; i < columns_.size(); ++i) {
    const auto& from = columns_[i];
    if (from.wanted > 0)
      hit_rate.push_back(
        {i, 100 * static_cast<double>(from.hits) / static_cast<double>(from.wanted)});
    if (!from.latencies_ms.empty()) {
      auto all = from.latencies_ms;
      const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
      std::nth_element(all.begin(), middle, all.end());
      median.push_back({i, *middle});
      most.push_back({i, from.most_ms});
    }
    if (from.used_share >= 0)
      used.push_back({i, 100 * from.used_share});
  }
  const auto slowest
    = most.empty() ? 1.0 : std::ranges::max_element(most, {}, &point::value)->value;
  picture drawn{columns_.size(), width_ * static_cast<double>(columns_.size()), by_time};
  drawn.panel("Hit rate of lookups", " %", 100);
  drawn.curve("a", "", hit_rate);
  drawn.end_panel();
  drawn.panel("Latency of calls", " ms", round_up(slowest));
  drawn.curve("a", "median", median);
  if (!most.empty())
    drawn.curve("b", "largest", most);
  drawn.end_panel();
  drawn.panel("L1 in use", " %", 100);
  drawn.curve("a", "", used);
  return drawn.finish(title);
}

} // namespace actord::trace

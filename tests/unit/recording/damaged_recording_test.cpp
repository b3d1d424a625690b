#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>

#include "catch.h"
#include "counted_subject.h"
#include "input/files/directory_lock.h"
#include "input/files/hash.h"
#include "input/text/parse_json.h"
#include "unit/input/temporary_directory.h"

namespace pastonly {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// Files of a folder by the end of their names, in order.
std::vector<fs::path> files(const fs::path& folder, const std::string& ending) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(ending) && name != "recording.json") out.push_back(entry.path());
  }
  std::ranges::sort(out);
  return out;
}

void swap_files(const fs::path& a, const fs::path& b) {
  const fs::path aside = a.string() + ".aside";
  fs::rename(a, aside);
  fs::rename(b, a);
  fs::rename(aside, b);
}

fs::path seal_of(const fs::path& trace) { return fs::path(trace).replace_extension(".json"); }

/// A seal that fits whatever the trace file holds now.
void forge(const fs::path& seal, const fs::path& trace) {
  auto json = input::Json::parse(bytes_of(seal));
  json["bytes"] = fs::file_size(trace);
  json["sha256"] = *input::sha256_file(trace);
  write(seal, json.dump());
}

/// The seal of the trace of the plan's first base, found by what it says of it.
fs::path seal_by_hash(const fs::path& folder, const fs::path& trace) {
  const std::string hash = *input::sha256_file(trace);
  for (const fs::path& seal : files(folder / "unfinished", ".json")) {
    if (bytes_of(seal).find(hash) != std::string::npos) return seal;
  }
  FAIL("no seal");
  return {};
}

struct Damage {
  std::string_view what;
  std::size_t lost;  ///< runs that have to be made again, all at most
  std::function<void(const fs::path& directory)> make;
};

const std::vector<Damage>& damages() {
  const auto planned = [](const fs::path& d, std::size_t i) { return files(d, ".out.safetensors").at(i); };
  const auto beyond = [](const fs::path& d, std::size_t i) {
    return files(d / "unfinished", ".safetensors").at(i);
  };
  // A base run again is the same to the last byte; another trace is not.
  const auto another = [=](const fs::path& d) {
    const auto all = files(d / "unfinished", ".safetensors");
    return *std::ranges::find_if(all,
                                 [&](const fs::path& one) { return bytes_of(one) != bytes_of(all.front()); });
  };
  static const std::vector<Damage> list{
      {"nothing", 0, [](const fs::path&) {}},
      {"a planned trace cut short", 1,
       [=](const fs::path& d) { fs::resize_file(planned(d, 3), fs::file_size(planned(d, 3)) / 2); }},
      {"an empty trace", 1, [=](const fs::path& d) { write(planned(d, 4), ""); }},
      {"one bit of a trace", 1,
       [=](const fs::path& d) {
         std::string bytes = bytes_of(planned(d, 5));
         bytes[bytes.size() / 2] ^= 1;
         write(planned(d, 5), bytes);
       }},
      {"two planned traces swapped", 2, [=](const fs::path& d) { swap_files(planned(d, 5), planned(d, 6)); }},
      {"two traces beyond the plan swapped", 2,
       [=](const fs::path& d) { swap_files(beyond(d, 0), another(d)); }},
      {"two traces swapped with their seals", 2,
       [=](const fs::path& d) {
         swap_files(seal_of(beyond(d, 0)), seal_of(another(d)));
         swap_files(beyond(d, 0), another(d));
       }},
      {"another run's trace under a forged seal", 1,
       [=](const fs::path& d) {
         const fs::path seal = seal_by_hash(d, planned(d, 4));
         fs::copy_file(planned(d, 1), planned(d, 4), fs::copy_options::overwrite_existing);
         forge(seal, planned(d, 4));
       }},
      {"a file that is no trace under a forged seal", 1,
       [=](const fs::path& d) {
         write(beyond(d, 0), "garbage");
         forge(seal_of(beyond(d, 0)), beyond(d, 0));
       }},
      {"a link in place of a trace", 1,
       [=](const fs::path& d) {
         const fs::path path = beyond(d, 0), other = d.parent_path() / "elsewhere";
         fs::copy_file(path, other, fs::copy_options::overwrite_existing);
         fs::remove(path);
         fs::create_symlink(other, path);
       }},
      {"a link to a device", 1,
       [=](const fs::path& d) {
         const fs::path path = beyond(d, 0);
         fs::remove(path);
         fs::create_symlink("/dev/zero", path);
       }},
      {"a named pipe in place of a trace", 1,
       [=](const fs::path& d) {
         const fs::path path = planned(d, 7);
         fs::remove(path);
         REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
       }},
      {"a trace gone", 1, [=](const fs::path& d) { fs::remove(planned(d, 6)); }},
      {"garbage in a seal", 1, [=](const fs::path& d) { write(seal_of(beyond(d, 0)), "{\"key\":"); }},
      {"an empty seal", 1, [=](const fs::path& d) { write(seal_of(beyond(d, 0)), ""); }},
      {"a seal of the wrong types", 1,
       [=](const fs::path& d) {
         write(seal_of(beyond(d, 0)), R"({"key": 1, "part": [], "bytes": -1, "sha256": {}})");
       }},
      {"a huge seal", 1, [=](const fs::path& d) { write(seal_of(beyond(d, 0)), std::string(1 << 20, ' ')); }},
      {"losses sealed as whole traces", 1,
       [=](const fs::path& d) {
         for (const fs::path& seal : files(d / "unfinished", ".json")) {
           auto json = input::Json::parse(bytes_of(seal));
           if (json["part"] != "losses") continue;
           json["part"] = "all";
           write(seal, json.dump());
           return;
         }
         FAIL("no losses");
       }},
      {"what a killed writer left aside", 0,
       [=](const fs::path& d) {
         write(planned(d, 2).string() + ".4711-0.tmp", "half");
         write(beyond(d, 0).string() + ".4711-1.tmp", "half");
         write(d / "unfinished/again.safetensors", "half");
       }},
      {"the plan written, its folder not yet closed", 0,
       [](const fs::path& d) { fs::copy_file(d.parent_path() / "whole/plan.json", d / "plan.json"); }},
      {"the base", 1000, [=](const fs::path& d) { fs::resize_file(planned(d, 0), 100); }},
  };
  return list;
}

}  // namespace

TEST_CASE("what is not as it was written is run again", "[recording]") {
  RecordedAudits audits;
  const TemporaryDirectory directory;
  const auto whole = audits.audit_in(directory.path() / "whole");
  const fs::path begun = directory.path() / "begun";
  const std::size_t most = audits.subject().interventions().size() + 30;
  const auto first = audits.audit_in(begun, most);
  REQUIRE(first.error == "interrupted");
  const std::size_t names = files(directory.path() / "whole", "").size();
  for (const Damage& damage : damages()) {
    INFO(damage.what);
    const fs::path path = directory.path() / "damaged";
    fs::remove_all(path);
    fs::copy(begun, path, fs::copy_options::recursive);
    damage.make(path);
    const auto second = audits.audit_in(path);
    CHECK(second.error.empty());
    CHECK(second.report == whole.report);
    CHECK(second.runs == std::min(whole.runs, whole.runs - first.runs + 1 + damage.lost));
    CHECK(files(path, "").size() == names);
  }
}

TEST_CASE("where runs cannot be kept, none are made in vain", "[recording]") {
  RecordedAudits audits;
  const TemporaryDirectory directory;
  const auto whole = audits.audit_in(directory.path() / "whole");
  const fs::path path = directory.path() / "r";
  REQUIRE(audits.audit_in(path, 30).error == "interrupted");
  fs::remove(path / "0004.out.safetensors");
  fs::create_directory(path / "0004.out.safetensors");
  const auto stopped = audits.audit_in(path);
  CHECK(stopped.error.find("0004.out.safetensors: cannot be replaced") != std::string::npos);
  CHECK(stopped.runs < 10);
  fs::remove(path / "0004.out.safetensors");
  CHECK(audits.audit_in(path).report == whole.report);
}

TEST_CASE("a recording that another machine would go on with is refused and stays", "[recording]") {
  RecordedAudits audits;
  const TemporaryDirectory directory;
  const fs::path path = directory.path() / "r";
  REQUIRE(audits.audit_in(path, 30).error == "interrupted");
  const fs::path base = path / "0000.out.safetensors";
  const std::string before = bytes_of(base);
  const fs::path seal = seal_by_hash(path, base);
  const std::string sealed = bytes_of(seal);
  std::string rounded = before;
  rounded[rounded.find("logprobs") + 2000] ^= 1;  // some figure's last bits
  write(base, rounded);
  forge(seal, base);
  const auto refused = audits.audit_in(path);
  CHECK(refused.error.find("another processor") != std::string::npos);
  CHECK(refused.runs == 1);
  CHECK(bytes_of(base) == rounded);
  write(base, before);
  write(seal, sealed);
  CHECK(audits.audit_in(path).error.empty());
}

TEST_CASE("a recording goes on only where it is the same", "[recording]") {
  RecordedAudits audits;
  const TemporaryDirectory directory;
  const fs::path path = directory.path() / "r";
  REQUIRE(audits.audit_in(path, 5).error == "interrupted");
  const auto begin = [&](const recording::RecordingIdentity& identity) {
    return recording::Recording::start(audits.subject(), path, identity);
  };
  const auto refused = [&](const recording::RecordingIdentity& identity, std::string_view says) {
    const auto started = begin(identity);
    REQUIRE_FALSE(started);
    CHECK(started.error().kind == Error::Kind::usage);
    INFO(started.error().message);
    CHECK(started.error().message.find(says) != std::string::npos);
  };
  refused({{"model", "small"}, {"seed", "2"}}, "seed is '1' in the earlier recording and '2' in this audit");
  refused({{"model", "large"}, {"seed", "2"}}, "model is 'small'");
  refused({{"model", "small"}}, "seed is '1' in the earlier recording and nothing in this audit");
  refused({{"model", "small"}, {"seed", "1"}, {"twin", "t"}}, "twin is nothing");
  const fs::path said = path / "unfinished/recording.json";
  const std::string right = bytes_of(said);
  for (const char* text :
       {"", "{", "[]", "null", "{\"seed\": 1}", "{\"seed\": {\"seed\": []}}", "\xff\xfe"}) {
    INFO(text);
    write(said, text);
    CHECK_FALSE(begin(RecordedAudits::identity()));
  }
  auto swollen = input::Json::parse(right);
  swollen["model"] = std::string(100000, 'x');
  write(said, swollen.dump());
  const auto brief = begin(RecordedAudits::identity());
  REQUIRE_FALSE(brief);
  CHECK(brief.error().message.find("...") != std::string::npos);
  CHECK(brief.error().message.size() < 1000);
  write(said, right);
  {
    const auto lock = input::DirectoryLock::take(path / "unfinished");
    REQUIRE(lock);
    const auto busy = begin(RecordedAudits::identity());
    REQUIRE_FALSE(busy);
    CHECK(busy.error().message.find("another pastonly works") != std::string::npos);
  }
  CHECK(begin(RecordedAudits::identity()));
  CHECK(begin({{"model", "small"}, {"seed", "1"}}));
}

TEST_CASE("directories of something else stay as they are", "[recording]") {
  RecordedAudits audits;
  const TemporaryDirectory directory;
  const auto start = [&](const fs::path& path) {
    return recording::Recording::start(audits.subject(), path, RecordedAudits::identity());
  };
  const auto refused = [&](const fs::path& path, const fs::path& kept,
                           const std::string& says = "already exists") {
    INFO(path);
    const auto started = start(path);
    REQUIRE_FALSE(started);
    CHECK(started.error().kind == Error::Kind::usage);
    CHECK(started.error().message.find(says) != std::string::npos);
    CHECK(fs::exists(fs::symlink_status(kept)));
    CHECK_FALSE(fs::exists(path / "unfinished/lock"));
  };
  const fs::path root = directory.path();
  refused(root / "notes", directory.write("notes/note.txt", "mine"));
  refused(root / "inner", directory.write("inner/unfinished/novel.txt", "mine"));
  refused(root / "both", directory.write("both/unfinished/lock.txt", "mine"));
  refused(root / "file", directory.write("file", "mine"));
  REQUIRE(audits.audit_in(root / "whole").error.empty());
  refused(root / "whole", root / "whole/plan.json", "already holds a plan");
  directory.write("linked-to/recording.json", "{}");
  fs::create_directory(root / "link");
  fs::create_directory_symlink(root / "linked-to", root / "link/unfinished");
  refused(root / "link", root / "linked-to/recording.json");
  fs::create_symlink(root / "nowhere", root / "dangling");
  refused(root / "dangling", root / "dangling");
  // What one leaves that is killed at once, or is simply empty.
  fs::create_directories(root / "bare/unfinished");
  directory.write("bare/unfinished/lock", "");
  directory.write("bare/unfinished/recording.json.77-0.tmp", "{");
  CHECK(start(root / "bare"));
  CHECK_FALSE(fs::exists(root / "bare/unfinished/recording.json.77-0.tmp"));
  fs::create_directory(root / "empty");
  CHECK(start(root / "empty"));
}

}  // namespace pastonly

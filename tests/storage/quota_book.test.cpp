#include "storage/quota_book.hpp"

#include <doctest/doctest.h>

using namespace actord;

TEST_CASE("limits are listed in the order of their first setting") {
  quota_book book;
  CHECK(book.set("b", 10));
  CHECK(book.set("", 0));
  CHECK(book.set("a", 30));
  CHECK(book.set("b", 20));
  CHECK_EQ(book.list(), std::vector<quota_book::entry>{{"b", 20}, {"", 0}, {"a", 30}});
}

TEST_CASE("a salt without an entry has no allowance") {
  quota_book book;
  CHECK_FALSE(book.get("x"));
  CHECK_EQ(book.limit_bytes("x"), 0);
  book.set("x", 5);
  CHECK_EQ(book.limit_bytes("x"), 5);
  CHECK(book.remove("x"));
  CHECK_FALSE(book.remove("x"));
  CHECK_FALSE(book.get("x"));
}

TEST_CASE("a removed salt that is set again goes to the end") {
  quota_book book;
  book.set("a", 1);
  book.set("b", 2);
  book.remove("a");
  book.set("a", 3);
  CHECK_EQ(book.list(), std::vector<quota_book::entry>{{"b", 2}, {"a", 3}});
}

TEST_CASE("a full book refuses new salts and still changes known ones") {
  quota_book book;
  for (size_t i = 0; i < quota_book::max_entries; ++i)
    REQUIRE(book.set(std::to_string(i), i));
  CHECK_FALSE(book.set("one more", 1));
  CHECK(book.set("7", 8));
  CHECK_EQ(book.size(), quota_book::max_entries);
}

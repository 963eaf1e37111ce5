#include "actors/l2/s3_xml.hpp"

#include <doctest/doctest.h>

using namespace actord;

namespace {

using pairs = std::vector<std::pair<std::string, std::string>>;

std::optional<pairs> elements(std::string_view xml) {
  pairs result;
  const bool whole = read_xml(xml, [&](std::string_view path, std::string_view text) {
    result.emplace_back(path, text);
    return true;
  });
  return whole ? std::optional{result} : std::nullopt;
}

std::string nested(size_t depth) {
  std::string begin, end;
  for (size_t i = 0; i < depth; ++i) {
    begin += "<a>";
    end += "</a>";
  }
  return begin + end;
}

std::string listing(std::string_view inside) {
  return "<ListBucketResult>" + std::string(inside) + "</ListBucketResult>";
}

} // namespace

TEST_CASE("elements come as they end, with their paths and texts") {
  CHECK(elements("<a/>") == pairs{{"a", ""}});
  CHECK(elements(" \n<?xml version=\"1.0\"?>\n<!-- x -->\n<a x='1' y = \"&lt;>\">\n<b>1</b>2<b/>"
                 "<c:d-e.f >3</c:d-e.f\n></a>\n<!---->\n")
        == pairs{{"a/b", "1"}, {"a/b", ""}, {"a/c:d-e.f", "3"}, {"a", "\n2"}});
}

TEST_CASE("references become what they stand for") {
  CHECK(elements("<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x1f600;&#xfc;&#x20AC;</a>")
        == pairs{{"a", "<>&\"'A\xf0\x9f\x98\x80\xc3\xbc\xe2\x82\xac"}});
}

TEST_CASE("what is not well-formed, or more than S3 writes, is refused") {
  for (const char* text : {"",
                           " ",
                           "a",
                           "<a>",
                           "<a></b>",
                           "<a></a",
                           "<a></a>x",
                           "<a></a><b/>",
                           "</a>",
                           "<a><b></a></b>",
                           "<a>&nope;</a>",
                           "<a>&#0;</a>",
                           "<a>&#xd800;</a>",
                           "<a>&#x110000;</a>",
                           "<a>&#;</a>",
                           "<a>&#99999999999;</a>",
                           "<a>&amp</a>",
                           "<a>&</a>",
                           "<!DOCTYPE a><a/>",
                           "<a><!DOCTYPE b></a>",
                           "<a><![CDATA[x]]></a>",
                           "<a><?x?></a>",
                           "<a b></a>",
                           "<a b=c/>",
                           "<a b='c/>",
                           "<a b='<'/>",
                           "<a b='1'c='2'/>",
                           "<1 <a/>",
                           "< a/>",
                           "<a/ >",
                           "<!-- <a/>",
                           "<a><!-- </a>",
                           "<?xml <a/>",
                           "<\xc3\xbc/>",
                           "<a>x"}) {
    CAPTURE(text);
    CHECK_FALSE(elements(text));
  }
  CHECK(elements(nested(16)));
  CHECK_FALSE(elements(nested(17)));
  CHECK(elements("<" + std::string(64, 'n') + "/>"));
  CHECK_FALSE(elements("<" + std::string(65, 'n') + "/>"));
}

TEST_CASE("a reader that has enough ends the reading") {
  size_t seen = 0;
  CHECK_FALSE(read_xml("<a><b/><b/><b/></a>", [&](auto, auto) { return ++seen < 2; }));
  CHECK(seen == 2);
}

TEST_CASE("a page of a list has its objects and the way to the next") {
  const auto page = parse_list_page(
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name><Prefix/>"
    "<KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><IsTruncated>true</IsTruncated>"
    "<NextContinuationToken>1/x+=</NextContinuationToken>"
    "<Contents><Key>a&amp;b</Key><LastModified>2013-05-24T00:00:00.000Z</LastModified>"
    "<ETag>&quot;e&quot;</ETag><Size>18446744073709551615</Size>"
    "<Owner><ID>Key</ID></Owner></Contents>"
    "<Contents><Size>0</Size><Key>c</Key></Contents></ListBucketResult>");
  REQUIRE(page);
  REQUIRE(page->objects.size() == 2);
  CHECK(page->objects[0].key == "a&b");
  CHECK(page->objects[0].size_bytes == UINT64_MAX);
  CHECK(page->objects[0].modified_ms == 1'369'353'600'000);
  CHECK(page->objects[1].key == "c");
  CHECK(page->objects[1].modified_ms == 0);
  CHECK(page->truncated);
  CHECK(page->next_token == "1/x+=");
}

TEST_CASE("a list that lacks what it needs is none") {
  CHECK(parse_list_page(listing("<IsTruncated>false</IsTruncated>")));
  CHECK(parse_list_page("<ListBucketResult/>"));
  CHECK_FALSE(parse_list_page("<Error><Code>x</Code></Error>"));
  CHECK_FALSE(parse_list_page(listing("<IsTruncated>true</IsTruncated>")));
  for (const char* contents :
       {"<Key>a</Key>", "<Size>1</Size>", "<Key/><Size>1</Size>", "<Key>a</Key><Size>-1</Size>",
        "<Key>a</Key><Size>1x</Size>", "<Key>a</Key><Size></Size>",
        "<Key>a</Key><Size>18446744073709551616</Size>"}) {
    CAPTURE(contents);
    CHECK_FALSE(parse_list_page(listing("<Contents>" + std::string(contents) + "</Contents>")));
  }
  std::string many;
  for (size_t i = 0; i < 1000; ++i)
    many += "<Contents><Key>k</Key><Size>1</Size></Contents>";
  CHECK(parse_list_page(listing(many))->objects.size() == 1000);
  CHECK_FALSE(parse_list_page(listing(many + "<Contents><Key>k</Key><Size>1</Size></Contents>")));
}

TEST_CASE("of an error only a plain code and a plain region are taken") {
  CHECK(parse_error_code("<Error><Code>NoSuchKey</Code><Key>x</Key></Error>") == "NoSuchKey");
  CHECK(parse_error_code("<Error><Code>a b</Code></Error>") == "");
  CHECK(parse_error_code("<Error><Code>a&#10;b</Code></Error>") == "");
  CHECK(parse_error_code("<Error><Code>" + std::string(65, 'a') + "</Code></Error>") == "");
  CHECK(parse_error_code("<Error><Message>x</Message></Error>") == "");
  CHECK(parse_error_code("<html>") == "");
  CHECK(parse_error_region("<Error><Code>x</Code><Region>eu-west-1</Region></Error>")
        == "eu-west-1");
}

TEST_CASE("uploads begin with an id and end with a tag") {
  CHECK(parse_upload_id("<InitiateMultipartUploadResult><UploadId>u</UploadId>"
                        "</InitiateMultipartUploadResult>")
        == "u");
  CHECK_FALSE(parse_upload_id("<InitiateMultipartUploadResult><UploadId/>"
                              "</InitiateMultipartUploadResult>"));
  CHECK_FALSE(parse_upload_id("<Error><UploadId>u</UploadId></Error>"));
  CHECK(is_completed_upload("<CompleteMultipartUploadResult><ETag>e</ETag>"
                            "</CompleteMultipartUploadResult>"));
  CHECK_FALSE(is_completed_upload("<Error><ETag>e</ETag></Error>"));
  CHECK_FALSE(is_completed_upload("<CompleteMultipartUploadResult/>"));
  CHECK_FALSE(is_completed_upload(""));
}

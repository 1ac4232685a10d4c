// Repairs frames in which one bit is wrong. For wtrec replay --algo exec:./decoder.
#include <arrow/api.h>
#include <arrow/io/stdio.h>
#include <arrow/ipc/api.h>

#include <iostream>
#include <unordered_map>

uint32_t Step(uint32_t power) { return power >> 1 ^ (power & 1 ? 0xEDB88320 : 0); }

uint32_t Syndrome(std::string_view mpdu) {  // FCS computed xor FCS received
  uint32_t crc = ~0u, fcs = 0;
  for (size_t i = 0; i < mpdu.size() - 4; ++i) {
    crc ^= static_cast<uint8_t>(mpdu[i]);
    for (int bit = 0; bit < 8; ++bit) crc = Step(crc);
  }
  for (int i = 1; i <= 4; ++i) fcs = fcs << 8 | static_cast<uint8_t>(mpdu[mpdu.size() - i]);
  return ~crc ^ fcs;
}

arrow::Status Run() {
  // How many bits are behind a wrong one, by its effect on the FCS: x^behind mod P.
  std::unordered_map<uint32_t, int64_t> behind;
  uint32_t power = 0x80000000;
  for (int64_t i = 0; i < 8 * 11454; ++i, power = Step(power)) behind[power] = i;

  auto input = std::make_shared<arrow::io::StdinStream>();
  ARROW_ASSIGN_OR_RAISE(auto frames, arrow::ipc::RecordBatchStreamReader::Open(input));
  auto schema = arrow::schema({arrow::field("number", arrow::int64()),
                               arrow::field("flips", arrow::list(arrow::uint32()))});
  arrow::io::StdoutStream output;
  ARROW_ASSIGN_OR_RAISE(auto answers, arrow::ipc::MakeStreamWriter(&output, schema));
  ARROW_ASSIGN_OR_RAISE(auto rows, arrow::RecordBatchBuilder::Make(
                                       schema, arrow::default_memory_pool()));
  auto* number = rows->GetFieldAs<arrow::Int64Builder>(0);
  auto* flips = rows->GetFieldAs<arrow::ListBuilder>(1);
  auto* flip = static_cast<arrow::UInt32Builder*>(flips->value_builder());

  while (true) {
    ARROW_ASSIGN_OR_RAISE(auto next, frames->Next());
    if (!next) return answers->Close();
    auto numbers = next->GetColumnByName("number")->data()->GetValues<int64_t>(1);
    const auto& mpdus = static_cast<arrow::BinaryArray&>(*next->GetColumnByName("mpdu"));
    const auto& status =
        static_cast<arrow::DictionaryArray&>(*next->GetColumnByName("fcs_status"));
    for (int64_t row = 0; row < next->num_rows(); ++row) {
      if (status.GetValueIndex(row) != 1) continue;  // 1 is "bad"
      auto found = behind.find(Syndrome(mpdus.GetView(row)));
      int64_t bits = 8 * mpdus.value_length(row);
      ARROW_RETURN_NOT_OK(number->Append(numbers[row]));
      if (found == behind.end() || found->second >= bits) {
        ARROW_RETURN_NOT_OK(flips->AppendNull());  // abstained
      } else {
        ARROW_RETURN_NOT_OK(flips->Append());
        ARROW_RETURN_NOT_OK(flip->Append(static_cast<uint32_t>(bits - 1 - found->second)));
      }
    }
    ARROW_ASSIGN_OR_RAISE(auto answer, rows->Flush());
    ARROW_RETURN_NOT_OK(answers->WriteRecordBatch(*answer));
    std::cout.flush();  // or wtrec waits for it
  }
}

int main() {
  arrow::Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << std::endl;
  return status.ok() ? 0 : 1;
}

// Repairs frames in which one bit is wrong. For wtrec replay --algo exec:./decoder.
#include <arrow/api.h>
#include <arrow/io/stdio.h>
#include <arrow/ipc/api.h>

#include <iostream>

uint32_t Step(uint32_t power) { return power >> 1 ^ (power & 1 ? 0xEDB88320 : 0); }

// The bit to flip, or -1 to abstain: the one whose effect on the CRC is the one that is seen.
int64_t Repair(std::string_view mpdu) {
  uint32_t crc = ~0u, effect = Step(1);  // of the last bit; each bit before it is a step further
  for (uint8_t byte : mpdu) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = Step(crc);
  }
  int64_t bit = 8 * static_cast<int64_t>(mpdu.size()) - 1;
  while (bit >= 0 && effect != (crc ^ 0xDEBB20E3)) {  // what is left of a frame with a good FCS
    effect = Step(effect);
    --bit;
  }
  return bit;
}

arrow::Status Run() {
  auto input = std::make_shared<arrow::io::StdinStream>();
  ARROW_ASSIGN_OR_RAISE(auto frames, arrow::ipc::RecordBatchStreamReader::Open(input));
  auto schema = arrow::schema({arrow::field("number", arrow::int64()),
                               arrow::field("flips", arrow::list(arrow::uint32()))});
  arrow::io::StdoutStream output;
  ARROW_ASSIGN_OR_RAISE(auto answers, arrow::ipc::MakeStreamWriter(&output, schema));
  arrow::Int64Builder number;
  auto flip = std::make_shared<arrow::UInt32Builder>();
  arrow::ListBuilder flips(arrow::default_memory_pool(), flip);
  for (auto next : *frames) {
    ARROW_ASSIGN_OR_RAISE(auto batch, next);
    auto numbers = batch->GetColumnByName("number")->data()->GetValues<int64_t>(1);
    const auto& mpdus = static_cast<arrow::BinaryArray&>(*batch->GetColumnByName("mpdu"));
    const auto& status =
        static_cast<arrow::DictionaryArray&>(*batch->GetColumnByName("fcs_status"));
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      if (status.GetValueIndex(row) != 1) continue;  // 1 is "bad"
      int64_t bit = Repair(mpdus.GetView(row));
      ARROW_RETURN_NOT_OK(number.Append(numbers[row]));
      ARROW_RETURN_NOT_OK(flips.Append(bit >= 0));  // null where it abstains
      if (bit >= 0) ARROW_RETURN_NOT_OK(flip->Append(static_cast<uint32_t>(bit)));
    }
    ARROW_ASSIGN_OR_RAISE(auto said, number.Finish());
    ARROW_ASSIGN_OR_RAISE(auto what, flips.Finish());
    ARROW_RETURN_NOT_OK(answers->WriteRecordBatch(
        *arrow::RecordBatch::Make(schema, said->length(), {said, what})));
    std::cout.flush();  // or wtrec waits for it
  }
  return answers->Close();
}

int main() {
  arrow::Status status = Run();
  if (!status.ok()) std::cerr << status.ToString() << std::endl;
  return status.ok() ? 0 : 1;
}

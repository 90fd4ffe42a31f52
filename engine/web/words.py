"""The words of the pages themselves, in the languages that are bundled. Texts of a survey come from its author."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.respond.parsing import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    code: str
    name: str  # the language, in itself
    language: str  # what the row of languages is called
    title: str  # of a survey without one
    send: str
    next: str
    back: str
    step: str
    optional: str
    choose: str
    other: str
    other_text: str
    place: str  # of a ranking
    yes: str
    partly: str
    no: str
    nps: tuple[str, str]  # lowest and highest score
    csat: tuple[str, str]
    ces: tuple[str, str]
    check: str  # heads the list of errors
    error: str
    errors: Mapping[Problem, str]
    thanks: str
    recorded: str
    go_to: str
    answered: tuple[str, str]  # heading and text of a page
    expired: tuple[str, str]
    not_found: tuple[str, str]
    too_large: tuple[str, str]
    unreadable: tuple[str, str]
    busy: tuple[str, str]
    not_saved: str


_EN = Words(
    code="en",
    name="English",
    language="Language",
    title="Your opinion",
    send="Send",
    next="Next",
    back="Back",
    step="Step {step} of {steps}",
    optional="optional",
    choose="Choose…",
    other="Other",
    other_text="Other: please say what",
    place="Place {place}",
    yes="Yes",
    partly="Partly",
    no="No",
    nps=("Not at all likely", "Extremely likely"),
    csat=("Very dissatisfied", "Very satisfied"),
    ces=("Very difficult", "Very easy"),
    check="Please check your answers",
    error="Error",
    errors={
        Problem.REQUIRED: "Please answer this question.",
        Problem.CHOICE: "Please choose one of the offered answers.",
        Problem.REPEATED: "Please use each option only once.",
        Problem.INCOMPLETE: "Please give every option a place.",
        Problem.TOO_LONG: "Please shorten the text to 10,000 characters.",
        Problem.NUMBER: "Please enter a number, such as 12 or 3.5.",
        Problem.EMAIL: "Please enter an e-mail address, such as name@example.com.",
        Problem.PHONE: "Please enter a phone number, such as +44 20 7946 0000.",
        Problem.DATE: "Please enter a date as year-month-day, such as 2026-03-31.",
        Problem.CONSENT: "Please tick the box to go on.",
    },
    thanks="Thank you!",
    recorded="Your answer has been saved.",
    go_to="Go to {host}",
    answered=("You have already answered", "Your answer has been saved. Thank you!"),
    expired=("This survey is closed", "The time for answers is over. Thank you for your interest."),
    not_found=("Page not found", "Please check that the link is complete, or open it from the message once more."),
    too_large=("That was too much", "Your answer is too long to be saved. Please go back, shorten it and send it again."),
    unreadable=("Something went wrong", "Your answer arrived damaged. Please open the link from the message once more."),
    busy=("One moment, please", "Too much is going on right now. Please try again in a minute."),
    not_saved="We could not save your answer just now. Nothing is lost: please send it again in a minute.",
)

_RU = Words(
    code="ru",
    name="Русский",
    language="Язык",
    title="Ваше мнение",
    send="Отправить",
    next="Далее",
    back="Назад",
    step="Шаг {step} из {steps}",
    optional="необязательно",
    choose="Выберите…",
    other="Другое",
    other_text="Другое: уточните, пожалуйста",
    place="Место {place}",
    yes="Да",
    partly="Частично",
    no="Нет",
    nps=("Точно не порекомендую", "Обязательно порекомендую"),
    csat=("Очень плохо", "Отлично"),
    ces=("Очень сложно", "Очень легко"),
    check="Проверьте, пожалуйста, ответы",
    error="Ошибка",
    errors={
        Problem.REQUIRED: "Ответьте, пожалуйста, на этот вопрос.",
        Problem.CHOICE: "Выберите, пожалуйста, один из предложенных ответов.",
        Problem.REPEATED: "Каждый вариант можно выбрать только один раз.",
        Problem.INCOMPLETE: "Укажите, пожалуйста, место для каждого варианта.",
        Problem.TOO_LONG: "Сократите, пожалуйста, текст до 10 000 знаков.",
        Problem.NUMBER: "Введите число, например 12 или 3,5.",
        Problem.EMAIL: "Введите адрес электронной почты, например name@example.com.",
        Problem.PHONE: "Введите номер телефона, например +7 495 123-45-67.",
        Problem.DATE: "Введите дату в виде год-месяц-день, например 2026-03-31.",
        Problem.CONSENT: "Отметьте, пожалуйста, это поле, чтобы продолжить.",
    },
    thanks="Спасибо!",
    recorded="Ваш ответ сохранён.",
    go_to="Перейти на {host}",
    answered=("Вы уже ответили", "Ваш ответ сохранён. Спасибо!"),
    expired=("Опрос завершён", "Время для ответов истекло. Спасибо за интерес!"),
    not_found=("Страница не найдена", "Проверьте, что ссылка скопирована целиком, или откройте её из сообщения ещё раз."),
    too_large=(
        "Слишком много текста",
        "Ответ слишком длинный, и сохранить его нельзя. Вернитесь назад, сократите его и отправьте ещё раз.",
    ),
    unreadable=("Что-то пошло не так", "Ответ дошёл повреждённым. Откройте, пожалуйста, ссылку из сообщения ещё раз."),
    busy=("Одну минуту", "Сейчас слишком много обращений. Попробуйте, пожалуйста, ещё раз через минуту."),
    not_saved="Сейчас не удалось сохранить ваш ответ. Ничего не потеряно: отправьте его, пожалуйста, ещё раз через минуту.",
)

_UK = Words(
    code="uk",
    name="Українська",
    language="Мова",
    title="Ваша думка",
    send="Надіслати",
    next="Далі",
    back="Назад",
    step="Крок {step} з {steps}",
    optional="необов’язково",
    choose="Виберіть…",
    other="Інше",
    other_text="Інше: уточніть, будь ласка",
    place="Місце {place}",
    yes="Так",
    partly="Частково",
    no="Ні",
    nps=("Точно не порекомендую", "Обов’язково порекомендую"),
    csat=("Дуже погано", "Чудово"),
    ces=("Дуже складно", "Дуже легко"),
    check="Перевірте, будь ласка, відповіді",
    error="Помилка",
    errors={
        Problem.REQUIRED: "Дайте, будь ласка, відповідь на це запитання.",
        Problem.CHOICE: "Виберіть, будь ласка, одну із запропонованих відповідей.",
        Problem.REPEATED: "Кожен варіант можна вибрати лише один раз.",
        Problem.INCOMPLETE: "Вкажіть, будь ласка, місце для кожного варіанта.",
        Problem.TOO_LONG: "Скоротіть, будь ласка, текст до 10 000 знаків.",
        Problem.NUMBER: "Введіть число, наприклад 12 або 3,5.",
        Problem.EMAIL: "Введіть адресу електронної пошти, наприклад name@example.com.",
        Problem.PHONE: "Введіть номер телефону, наприклад +380 44 123 45 67.",
        Problem.DATE: "Введіть дату у вигляді рік-місяць-день, наприклад 2026-03-31.",
        Problem.CONSENT: "Позначте, будь ласка, це поле, щоб продовжити.",
    },
    thanks="Дякуємо!",
    recorded="Вашу відповідь збережено.",
    go_to="Перейти на {host}",
    answered=("Ви вже відповіли", "Вашу відповідь збережено. Дякуємо!"),
    expired=("Опитування завершено", "Час для відповідей минув. Дякуємо за інтерес!"),
    not_found=("Сторінку не знайдено", "Перевірте, чи скопійовано посилання повністю, або відкрийте його з повідомлення ще раз."),
    too_large=("Забагато тексту", "Відповідь задовга, і зберегти її не можна. Поверніться назад, скоротіть її та надішліть ще раз."),
    unreadable=("Щось пішло не так", "Відповідь надійшла пошкодженою. Відкрийте, будь ласка, посилання з повідомлення ще раз."),
    busy=("Хвилинку", "Зараз забагато звернень. Спробуйте, будь ласка, ще раз за хвилину."),
    not_saved="Зараз не вдалося зберегти вашу відповідь. Нічого не втрачено: надішліть її, будь ласка, ще раз за хвилину.",
)

BUNDLED: Mapping[str, Words] = {words.code: words for words in (_EN, _RU, _UK)}


def words_for(language: str) -> Words:
    """English where the language is not bundled: a project may ask in any language."""
    return BUNDLED.get(language.partition("-")[0].lower(), _EN)
